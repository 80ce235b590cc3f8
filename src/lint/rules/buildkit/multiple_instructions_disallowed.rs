//! CMD, ENTRYPOINT or HEALTHCHECK that has no effect.

use crate::dockerfile::Keyword;
use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use std::collections::HashMap;

pub(super) static RULE: Rule = Rule {
    code: "MultipleInstructionsDisallowed",
    name: "multiple-instructions-disallowed",
    family: Family::BuildKit,
    twin: Some("DL4003"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `CMD`, `ENTRYPOINT` or `HEALTHCHECK` with another one below it in the stage.",
        why: "Only the last one counts; the others mislead whoever reads them.",
        example: "FROM debian:12\nCMD [\"one\"]\nCMD [\"two\"]\n",
        instead: "FROM debian:12\nCMD [\"two\"]\n",
        references: &["https://docs.docker.com/reference/build-checks/multiple-instructions-disallowed/"],
    },
    check,
    cases: r#"
=== fires at 2:1, 4:1, 6:1: the ones that are ignored
FROM debian:12
CMD ["one"]
CMD ["two"]
ENTRYPOINT ["one"]
ENTRYPOINT ["two"]
HEALTHCHECK NONE
HEALTHCHECK CMD ["true"]
--- fixed
FROM debian:12
CMD ["two"]
ENTRYPOINT ["two"]
HEALTHCHECK CMD ["true"]

=== clean: one in each stage
FROM debian:12 AS base
CMD ["one"]
FROM base
CMD ["two"]
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let mut last = HashMap::new();
    for step in &document.scopes().steps {
        let Some(keyword @ (Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck)) = step.instruction.keyword
        else {
            continue;
        };
        if let Some(replaced) = last.insert((step.stage, keyword), step) {
            let name = keyword.name();
            let message = format!("another `{name}` of the stage replaces this one");
            let finding = findings.add_at(replaced.line, replaced.instruction.name.span, message);
            // What a trigger does is of use in another stage.
            if replaced.line == replaced.instruction.lines.0 && step.line == step.instruction.lines.0 {
                finding.fix = fixes::without(document, replaced.instruction, name);
            }
        }
    }
}
