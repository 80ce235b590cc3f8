//! A shell where there is none.

use super::common::lineage;
use crate::dockerfile::Keyword;
use crate::lint::shell::Form;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV310",
    name: "shell-in-scratch",
    family: Family::Varve,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A shell-form `RUN` in a stage that begins with nothing, before anything was copied into it.",
        why: "`scratch` has no `/bin/sh`, so that the step can't start.",
        example: "FROM scratch\nRUN echo hello\n",
        instead: "FROM busybox:1.37 AS build\nRUN echo hello\nFROM scratch\nCOPY --from=build /x /\n",
        references: &["https://docs.docker.com/build/building/base-images/#create-a-minimal-base-image-using-scratch"],
    },
    check,
    cases: "
=== fires at 2:1: nothing is there
FROM scratch
RUN echo hello

=== fires at 3:1: nor in a stage that begins with it
FROM scratch AS empty
FROM empty
RUN true

=== clean: something was put there, or the form needs no shell
FROM scratch
ADD rootfs.tar /
RUN true
FROM scratch
RUN [\"/x\"]
FROM scratch
RUN --mount=from=busybox,target=/bin true
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document
        .runs()
        .iter()
        .filter(|run| run.form != Form::Exec && !run.onbuild)
    {
        let Some(stage) = run.stage.and_then(|stage| document.stages().get(stage)) else {
            continue;
        };
        let line: Vec<_> = lineage(document, stage).collect();
        let is_empty = line
            .last()
            .is_some_and(|root| root.image.is_some_and(|image| image.text == "scratch"));
        let fills = line.iter().any(|stage| {
            let end = if stage.index == run.stage.unwrap_or_default() {
                run.index
            } else {
                stage.range.end
            };
            document.instructions()[stage.range.start..end]
                .iter()
                .any(|instruction| matches!(instruction.keyword, Some(Keyword::Add | Keyword::Copy | Keyword::Run)))
        });
        if is_empty && !fills && run.mounts().next().is_none() {
            findings
                .add(run.instruction, run.run.span, "there is no shell in this stage")
                .help("use the exec form, or build in another stage");
        }
    }
}
