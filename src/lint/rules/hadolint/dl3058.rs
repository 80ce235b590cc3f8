//! Labels that should be an address of electronic mail.

use super::schema;
use crate::lint::{Docs, Document, Family, Findings, Fixable, LabelKind, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3058",
    name: "invalid-label-email",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A label of the configured schema that should be an address of electronic mail and is none.",
        why: "Somebody wants to write to it.",
        example: "FROM debian:12\nLABEL it=\"nobody\"\n",
        instead: "FROM debian:12\nLABEL it=\"a@example.org\"\n",
        references: &["https://www.rfc-editor.org/rfc/rfc5322"],
    },
    check,
    cases: r#"
=== fires at 2:10: no such value
--- with label it:email
FROM debian:12
LABEL it="nobody"

=== fires on 2, 3, 4, 5, 6, 7: nor these
--- with label it:email
FROM debian:12
LABEL it=a@
LABEL it=@b
LABEL it=a@b@c
LABEL it=a@b_c.d
LABEL it=.a@b.c
LABEL it=$MAIL

=== clean: such values, and labels of other types
--- with label it:email
--- with label other:text
FROM debian:12
LABEL it=a@b
LABEL it=a.b+c@d.e
LABEL it=a@[1.2.3.4]
LABEL other=x
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    schema::find(document, LabelKind::Email, findings);
}
