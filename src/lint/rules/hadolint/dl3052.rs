//! Labels that should be an absolute address.

use super::schema;
use crate::lint::{Docs, Document, Family, Findings, Fixable, LabelKind, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3052",
    name: "invalid-label-url",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A label of the configured schema that should be an absolute address and is none.",
        why: "A link that can be followed is what the label is for.",
        example: "FROM debian:12\nLABEL it=\"example.org\"\n",
        instead: "FROM debian:12\nLABEL it=\"https://example.org\"\n",
        references: &["https://www.rfc-editor.org/rfc/rfc3986"],
    },
    check,
    cases: r#"
=== fires at 2:10: no such value
--- with label it:url
FROM debian:12
LABEL it="example.org"

=== fires on 2, 3, 4, 5: nor these
--- with label it:url
FROM debian:12
LABEL it=/a/b
LABEL it=$URL
LABEL it=http://a/%zz
LABEL it=1a://b

=== clean: such values, and labels of other types
--- with label it:url
--- with label other:text
FROM debian:12
LABEL it=http://a
LABEL it=mailto:a@b
LABEL it=urn:x:y
LABEL it=http://[::1]/a?b#c
LABEL it=ftp://x
LABEL other=x
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    schema::find(document, LabelKind::Url, findings);
}
