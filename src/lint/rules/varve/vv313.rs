//! A label set twice.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};
use std::collections::HashSet;

pub(super) static RULE: Rule = Rule {
    code: "VV313",
    name: "repeated-label",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "`LABEL` or `ENV` with a name that the same instruction has set before.",
        why: "Only the last value counts, so one of the two is probably a slip.",
        example: "FROM debian:12\nLABEL a=1 a=2\n",
        instead: "FROM debian:12\nLABEL a=1 b=2\n",
        references: &["https://docs.docker.com/reference/dockerfile/#label"],
    },
    check,
    cases: "
=== fires at 2:15, 3:9: in one instruction
FROM debian:12
LABEL a=1 b=2 \"a\"=3
ENV A=1 A=2

=== clean: in several
FROM debian:12
LABEL a=1
LABEL a=2
ARG A
ARG A=1
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, instruction) in document.instructions_and_triggers() {
        let (Some(Keyword::Label | Keyword::Env), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body)
        else {
            continue;
        };
        let mut seen = HashSet::new();
        for pair in pairs {
            let name = words::unquoted(&pair.key.text);
            if !seen.insert(name) {
                findings.add(
                    outer,
                    pair.key.span,
                    format!("`{name}` is set twice here, and the last value counts"),
                );
            }
        }
    }
}
