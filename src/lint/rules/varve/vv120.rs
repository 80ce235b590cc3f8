//! A working directory inside of the kernel's folders.

use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV120",
    name: "system-workdir",
    family: Family::Varve,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "`WORKDIR` at or below `/proc`, `/sys` or `/dev`.",
        why: "They are mounted anew for every step and every container, so that nothing written there is kept.",
        example: "FROM debian:12\nWORKDIR /proc/app\n",
        instead: "FROM debian:12\nWORKDIR /app\n",
        references: &["https://docs.docker.com/reference/dockerfile/#workdir"],
    },
    check,
    cases: "
=== fires at 2:9, 3:9: at and below
FROM debian:12
WORKDIR /sys
WORKDIR /dev/shm/x

=== clean: names that begin alike
FROM debian:12
WORKDIR /system
WORKDIR /devel/proc
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, instruction) in document.instructions_and_triggers() {
        let (Some(Keyword::Workdir), Some(word)) = (instruction.keyword, words::list(instruction).first()) else {
            continue;
        };
        let path = words::unquoted(&word.text);
        if let Some(first) = path.strip_prefix('/').and_then(|path| path.split('/').next())
            && matches!(first, "proc" | "sys" | "dev")
        {
            findings.add(outer, word.span, format!("nothing below `/{first}` is kept"));
        }
    }
}
