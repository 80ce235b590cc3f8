//! Instructions before the first FROM.

use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3061",
    name: "instruction-before-from",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An instruction other than `ARG` that stands above the first `FROM`.",
        why: "There is no image yet that it could change, and the build fails.",
        example: "RUN true\nFROM debian:12\n",
        instead: "FROM debian:12\nRUN true\n",
        references: &["https://docs.docker.com/reference/dockerfile/#from"],
    },
    check,
    cases: "
=== fires at 1:1, 3:1: each of them
RUN true
ARG VERSION=12
LABEL a=b
FROM debian:$VERSION

=== clean: ARGs and comments
# a comment
ARG VERSION=12
FROM debian:$VERSION
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.preamble() {
        if let Some(keyword) = instruction.keyword
            && keyword != Keyword::Arg
        {
            let message = format!("`{}` stands above the first `FROM`", keyword.name());
            findings.add(instruction, instruction.name.span, message);
        }
    }
}
