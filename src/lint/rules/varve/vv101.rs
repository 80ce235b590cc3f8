//! No USER at all: the container runs as root.

use super::common::{final_stage, last_of, lineage};
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV101",
    name: "missing-user",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "The stage that is built sets no `USER`, nor does a stage that it begins with, and its image is not known to set one.",
        why: "Whatever breaks out of the process, or only out of its directory, has root's rights then. Most programs need none of them once their files are in place.",
        example: "FROM debian:12\nCMD [\"sleep\", \"1\"]\n",
        instead: "FROM debian:12\nUSER 65532:65532\nCMD [\"sleep\", \"1\"]\n",
        references: &["https://docs.docker.com/build/building/best-practices/#user"],
    },
    check,
    cases: "
=== fires at 3:1: the stage that is built counts
FROM golang:1.25 AS build
USER 1000
FROM debian:12
COPY --from=build /app /app
ENTRYPOINT [\"/app\"]

=== clean: a user here, or in the stage below
FROM debian:12 AS base
USER app
FROM base
CMD [\"true\"]

=== clean: an image that says it has one
FROM gcr.io/distroless/static:nonroot
CMD [\"/app\"]

=== clean: nothing can be known about a variable, and an image of files alone runs nothing
ARG BASE=debian:12
FROM $BASE
CMD [\"true\"]

=== clean: no command, so this is no image to run
FROM scratch
COPY app /app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let Some(stage) = final_stage(document) else {
        return;
    };
    let runs_something = last_of(document, stage, Keyword::Cmd)
        .or(last_of(document, stage, Keyword::Entrypoint))
        .is_some();
    let root = lineage(document, stage).last().and_then(|stage| stage.image);
    let may_have_a_user = root.is_none_or(|image| image.text.contains('$') || image.text.contains("nonroot"));
    if runs_something && !may_have_a_user && last_of(document, stage, Keyword::User).is_none() {
        findings
            .add(
                stage.from,
                stage.from.span,
                "no `USER` is set, so the container runs as root",
            )
            .help("add `USER` with a number after the last step that needs root");
    }
}
