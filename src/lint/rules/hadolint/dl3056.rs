//! Labels that should be a semantic version.

use super::schema;
use crate::lint::{Docs, Document, Family, Findings, Fixable, LabelKind, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3056",
    name: "invalid-label-version",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A label of the configured schema that should be a semantic version and is none.",
        why: "A program that compares versions has to read it.",
        example: "FROM debian:12\nLABEL it=\"v1.2.3\"\n",
        instead: "FROM debian:12\nLABEL it=\"1.2.3\"\n",
        references: &["https://semver.org"],
    },
    check,
    cases: r#"
=== fires at 2:10: no such value
--- with label it:semver
FROM debian:12
LABEL it="v1.2.3"

=== fires on 2, 3, 4, 5: nor these
--- with label it:semver
FROM debian:12
LABEL it=1.2
LABEL it=1.2.3.4
LABEL it=1.2.3-a..b
LABEL it=$VERSION

=== clean: such values, and labels of other types
--- with label it:semver
--- with label other:text
FROM debian:12
LABEL it=1.2.3-rc.1
LABEL it=1.2.3+b
LABEL it=1.2.3-rc.1+b.2
LABEL other=x
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    schema::find(document, LabelKind::Semver, findings);
}
