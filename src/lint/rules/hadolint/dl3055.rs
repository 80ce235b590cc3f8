//! Labels that should be a commit, in 7 or 40 hexadecimal digits.

use super::schema;
use crate::lint::{Docs, Document, Family, Findings, Fixable, LabelKind, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3055",
    name: "invalid-label-hash",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A label of the configured schema that should be a commit, in 7 or 40 hexadecimal digits and is none.",
        why: "The source of an image is found by it.",
        example: "FROM debian:12\nLABEL it=\"v1\"\n",
        instead: "FROM debian:12\nLABEL it=\"0123abc\"\n",
        references: &["https://git-scm.com/docs/gitrevisions"],
    },
    check,
    cases: r#"
=== fires at 2:10: no such value
--- with label it:hash
FROM debian:12
LABEL it="v1"

=== fires on 2, 3, 4, 5: nor these
--- with label it:hash
FROM debian:12
LABEL it=12345678
LABEL it=ABCDEF1
LABEL it=abcdefg
LABEL it=$COMMIT

=== clean: such values, and labels of other types
--- with label it:hash
--- with label other:text
FROM debian:12
LABEL it=1234567
LABEL it=1234567890123456789012345678901234567890
LABEL other=x
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    schema::find(document, LabelKind::Hash, findings);
}
