//! Labels that nobody asked for.

use super::labels;
use crate::diagnostic::nearest;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3050",
    name: "unknown-label",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A label that is not in the configured schema, where only those are allowed.",
        why: "A slip in a key makes a label that nobody looks for. Nothing is found unless `strict-labels` is \
              configured.",
        example: "FROM debian:12\nLABEL taem=\"web\"\n",
        instead: "FROM debian:12\nLABEL team=\"web\"\n",
        references: &["https://github.com/hadolint/hadolint#linting-labels"],
    },
    check,
    cases: r#"
=== fires at 2:16: a slip
--- with label team:text
--- with strict-labels
FROM debian:12
LABEL team=web taem="web"

=== clean: not strict
--- with label team:text
FROM debian:12
LABEL other="web"
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let options = document.options;
    if !options.strict_labels {
        return;
    }
    for instruction in document.instructions() {
        for label in labels::of(instruction) {
            if options.label_schema.contains_key(label.key) {
                continue;
            }
            let finding = findings.add(
                instruction,
                label.pair.key.span,
                format!("the label `{}` is not in the schema", label.key),
            );
            if let Some(near) = nearest(label.key, options.label_schema.keys().map(String::as_str)) {
                finding.help(format!("did you mean `{near}`?"));
            }
        }
    }
}
