//! Stages with the name of something else.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3063",
    name: "stage-with-reserved-name",
    family: Family::Hadolint,
    twin: Some("ReservedStageName"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage called `scratch` or `context`.",
        why: "`scratch` is the empty image and `context` the files of the build; a stage of that name hides them or is \
              hidden.",
        example: "FROM debian:12 AS scratch\n",
        instead: "FROM debian:12 AS base\n",
        references: &["https://docs.docker.com/reference/build-checks/reserved-stage-name/"],
    },
    check,
    cases: "
=== fires at 1:19, 2:19: both names
FROM debian:12 AS scratch
FROM debian:12 AS context

=== clean: other names
FROM debian:12 AS scratch-base
FROM debian:12 AS Context
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        if let Some(name) = stage.name
            && matches!(&*name.text, "scratch" | "context")
        {
            findings.add(
                stage.from,
                name.span,
                format!("`{}` means something else already", name.text),
            );
        }
    }
}
