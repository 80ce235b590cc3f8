//! A second HEALTHCHECK.

use super::repeated;
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3012",
    name: "repeated-healthcheck",
    family: Family::Hadolint,
    twin: Some("MultipleInstructionsDisallowed"),
    level: Level::Error,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "More than one `HEALTHCHECK` in a stage.",
        why: "Only the last one counts; the others mislead whoever reads them.",
        example: "FROM debian:12\nHEALTHCHECK CMD [\"true\"]\nHEALTHCHECK NONE\n",
        instead: "FROM debian:12\nHEALTHCHECK NONE\n",
        references: &["https://docs.docker.com/reference/dockerfile/#healthcheck"],
    },
    check,
    cases: r#"
=== fires at 3:1, 4:1: every one but the first
FROM debian:12
HEALTHCHECK NONE
HEALTHCHECK CMD ["true"]
HEALTHCHECK CMD ["true"]
--- fixed
FROM debian:12
HEALTHCHECK CMD ["true"]

=== clean: one in each stage
FROM debian:12
HEALTHCHECK CMD ["true"]
FROM debian:12
HEALTHCHECK CMD ["true"]
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    repeated::find(document, Keyword::Healthcheck, findings);
}
