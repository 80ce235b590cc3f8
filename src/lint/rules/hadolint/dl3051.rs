//! Labels without a value.

use super::labels;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3051",
    name: "empty-label",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A label of the configured schema whose value is empty.",
        why: "Whoever asks for the label wants to read something there.",
        example: "FROM debian:12\nLABEL team=\"\"\n",
        instead: "FROM debian:12\nLABEL team=\"web\"\n",
        references: &["https://github.com/hadolint/hadolint#linting-labels"],
    },
    check,
    cases: r#"
=== fires at 2:7: nothing between the quotes
--- with label team:text
--- with label site:url
FROM debian:12
LABEL team=""

=== fires on 2: nothing at all, whatever the type
--- with label site:url
FROM debian:12
LABEL site=

=== clean: values, and labels that nobody asked for
--- with label team:text
FROM debian:12
LABEL team=web other=""
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        for label in labels::of(instruction) {
            if document.options.label_schema.contains_key(label.key) && label.value.is_empty() {
                findings.add(instruction, label.span(), format!("the label `{}` is empty", label.key));
            }
        }
    }
}
