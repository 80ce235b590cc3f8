//! Labels that should be the identifier of an SPDX licence.

use super::schema;
use crate::lint::{Docs, Document, Family, Findings, Fixable, LabelKind, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3054",
    name: "invalid-label-licence",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A label of the configured schema that should be the identifier of an SPDX licence and is none.",
        why: "A program that lists the licences of all images has to know which one is meant.",
        example: "FROM debian:12\nLABEL it=\"MIT License\"\n",
        instead: "FROM debian:12\nLABEL it=\"MIT\"\n",
        references: &["https://spdx.org/licenses/"],
    },
    check,
    cases: r#"
=== fires at 2:10: no such value
--- with label it:spdx
FROM debian:12
LABEL it="MIT License"

=== fires on 2, 3, 4, 5: nor these
--- with label it:spdx
FROM debian:12
LABEL it=mit
LABEL it=GPL-3.0
LABEL it=$LICENCE
LABEL it=NONE

=== clean: such values, and labels of other types
--- with label it:spdx
--- with label other:text
FROM debian:12
LABEL it=Apache-2.0
LABEL it=GPL-3.0-only
LABEL it=0BSD
LABEL it=BUSL-1.1
LABEL other=x
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    schema::find(document, LabelKind::Spdx, findings);
}
