//! Stages with the name of something else.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "ReservedStageName",
    name: "reserved-stage-name",
    family: Family::BuildKit,
    twin: Some("DL3063"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage called `scratch` or `context`, whatever the case of its letters.",
        why: "`scratch` is the empty image and `context` the files of the build; a stage of that name hides them or is \
              hidden.",
        example: "FROM debian:12 AS scratch\n",
        instead: "FROM debian:12 AS base\n",
        references: &["https://docs.docker.com/reference/build-checks/reserved-stage-name/"],
    },
    check,
    cases: "
=== fires at 1:19, 2:19: both names
FROM debian:12 AS Scratch
FROM debian:12 AS context

=== clean: other names
FROM debian:12 AS scratch-base
FROM scratch
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        if let Some(name) = stage.name
            && ["scratch", "context"]
                .iter()
                .any(|reserved| name.text.eq_ignore_ascii_case(reserved))
        {
            findings.add(
                stage.from,
                name.span,
                format!("`{}` means something else already", name.text.to_lowercase()),
            );
        }
    }
}
