//! WORKDIR with a relative path.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3000",
    name: "relative-workdir",
    family: Family::Hadolint,
    twin: Some("WorkdirRelativePath"),
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `WORKDIR` whose path does not begin at the root.",
        why: "Where a relative path ends up depends on the `WORKDIR` before it, and so on a base image that may change \
              without a word.",
        example: "FROM debian:12\nWORKDIR app\n",
        instead: "FROM debian:12\nWORKDIR /app\n",
        references: &["https://docs.docker.com/reference/dockerfile/#workdir"],
    },
    check,
    cases: "
=== fires at 2:9: a relative path
FROM debian:12
WORKDIR app/src

=== fires on 3: in quotes, and in every stage
FROM debian:12
FROM debian:12
WORKDIR \"app\"

=== clean: a root, a variable or a drive in front
FROM debian:12
WORKDIR /app
WORKDIR '/app'
WORKDIR $HOME/app
WORKDIR C:\\app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        let (Some(Keyword::Workdir), Body::Words(words)) = (instruction.keyword, &instruction.body) else {
            continue;
        };
        for word in words {
            let path = word.text.trim_matches(['"', '\'']);
            let drive = matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
            if !path.starts_with(['/', '$']) && !drive {
                findings.add(
                    instruction,
                    word.span,
                    format!("the working directory `{path}` is relative"),
                );
            }
        }
    }
}
