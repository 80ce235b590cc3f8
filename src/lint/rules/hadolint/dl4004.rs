//! A second ENTRYPOINT.

use super::repeated;
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL4004",
    name: "repeated-entrypoint",
    family: Family::Hadolint,
    twin: Some("MultipleInstructionsDisallowed"),
    level: Level::Error,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "More than one `ENTRYPOINT` in a stage.",
        why: "Only the last one counts; the others mislead whoever reads them.",
        example: "FROM debian:12\nENTRYPOINT [\"one\"]\nENTRYPOINT [\"two\"]\n",
        instead: "FROM debian:12\nENTRYPOINT [\"two\"]\n",
        references: &["https://docs.docker.com/reference/dockerfile/#entrypoint"],
    },
    check,
    cases: r#"
=== fires at 3:1: the second
FROM debian:12
ENTRYPOINT ["one"]
ENTRYPOINT ["two"]
--- fixed
FROM debian:12
ENTRYPOINT ["two"]

=== clean: one in each stage
FROM debian:12
ENTRYPOINT ["one"]
FROM debian:12
ENTRYPOINT ["two"]
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    repeated::find(document, Keyword::Entrypoint, findings);
}
