//! Labels that should be a time as RFC 3339 has it.

use super::schema;
use crate::lint::{Docs, Document, Family, Findings, Fixable, LabelKind, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3053",
    name: "invalid-label-time",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A label of the configured schema that should be a time as RFC 3339 has it and is none.",
        why: "A program that sorts images by their age has to read it.",
        example: "FROM debian:12\nLABEL it=\"2026-11-23\"\n",
        instead: "FROM debian:12\nLABEL it=\"2026-11-23T10:00:00Z\"\n",
        references: &["https://www.rfc-editor.org/rfc/rfc3339"],
    },
    check,
    cases: r#"
=== fires at 2:10: no such value
--- with label it:rfc3339
FROM debian:12
LABEL it="2026-11-23"

=== fires on 2, 3, 4, 5, 6: nor these
--- with label it:rfc3339
FROM debian:12
LABEL it=2020-13-01T00:00:00Z
LABEL it=2020-02-30T00:00:00Z
LABEL it=2020-01-01T24:00:00Z
LABEL it=2020-01-01T00:00:00
LABEL it=2020-01-01T00:00Z

=== clean: such values, and labels of other types
--- with label it:rfc3339
--- with label other:text
FROM debian:12
LABEL it=2020-01-01T00:00:00+01:00
LABEL it=2020-02-29t23:59:60.123z
LABEL it=2020-01-01T00:00:00+0100
LABEL other=x
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    schema::find(document, LabelKind::Rfc3339, findings);
}
