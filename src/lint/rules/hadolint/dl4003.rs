//! A second CMD.

use super::repeated;
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL4003",
    name: "repeated-cmd",
    family: Family::Hadolint,
    twin: Some("MultipleInstructionsDisallowed"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "More than one `CMD` in a stage.",
        why: "Only the last one counts; the others mislead whoever reads them.",
        example: "FROM debian:12\nCMD [\"one\"]\nCMD [\"two\"]\n",
        instead: "FROM debian:12\nCMD [\"two\"]\n",
        references: &["https://docs.docker.com/reference/dockerfile/#cmd"],
    },
    check,
    cases: r#"
=== fires at 3:1, 4:1: every one but the first
FROM debian:12
CMD ["one"]
CMD ["two"]
CMD three
--- fixed
FROM debian:12
CMD three

=== clean: one in each stage
FROM debian:12
CMD ["one"]
FROM debian:12
CMD ["two"]
ONBUILD CMD ["three"]
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    repeated::find(document, Keyword::Cmd, findings);
}
