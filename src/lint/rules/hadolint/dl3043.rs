//! ONBUILD of what can't be a trigger.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3043",
    name: "invalid-trigger",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `ONBUILD` of `ONBUILD`, `FROM` or `MAINTAINER`.",
        why: "These can't be triggers, and the build fails.",
        example: "FROM debian:12\nONBUILD FROM alpine:3\n",
        instead: "FROM debian:12\nONBUILD RUN true\n",
        references: &["https://docs.docker.com/reference/dockerfile/#onbuild"],
    },
    check,
    cases: "
=== fires at 2:9, 3:9, 4:9: each of the three
FROM debian:12
ONBUILD FROM alpine:3
ONBUILD MAINTAINER Ada
ONBUILD ONBUILD RUN true

=== clean: any other
FROM debian:12
ONBUILD RUN true
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        if let Body::Onbuild(inner) = &instruction.body
            && let Some(keyword @ (Keyword::Onbuild | Keyword::From | Keyword::Maintainer)) = inner.keyword
        {
            findings.add(
                instruction,
                inner.name.span,
                format!("`{}` can't be a trigger", keyword.name()),
            );
        }
    }
}
