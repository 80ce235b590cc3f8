//! A stage that only `--target` reaches.

use super::common::{final_stage, needed_by};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV225",
    name: "untargeted-stage",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage with a name that the stage that is built does not need.",
        why: "It is built only by those who ask for it by name. If nobody does, it is dead text that looks alive.",
        example: "FROM golang:1.25 AS build\nRUN go build -o /app .\nFROM debian:12\nCMD [\"/app\"]\n",
        instead: "FROM golang:1.25 AS build\nRUN go build -o /app .\nFROM debian:12\nCOPY --from=build /app /app\nCMD [\"/app\"]\n",
        references: &["https://docs.docker.com/build/building/multi-stage/#stop-at-a-specific-build-stage"],
    },
    check,
    cases: "
=== fires at 1:21: nothing copies from it
FROM golang:1.25 AS build
FROM debian:12

=== fires at 2:14: built on one that is used
FROM a:1 AS base
FROM base AS other
FROM base

=== clean: used, or named after what it is for
FROM a:1 AS base
FROM base AS test
FROM base AS dev
FROM base AS lint-docs
FROM base

=== clean: the stage that is built
--- with target x
FROM a:1 AS x
FROM b:1
",
};

/// Names of stages that are made to be asked for.
const PURPOSES: [&str; 15] = [
    "bench",
    "check",
    "ci",
    "debug",
    "dev",
    "development",
    "devcontainer",
    "docs",
    "format",
    "lint",
    "release",
    "shell",
    "test",
    "tests",
    "vendor",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    let Some(last) = final_stage(document) else { return };
    let needed = needed_by(document, last);
    for stage in &document.stages()[..last.index] {
        let Some(name) = stage.name.filter(|_| !needed[stage.index]) else {
            continue;
        };
        let purpose = name.text.to_lowercase();
        if !purpose.split(['-', '_', '.']).any(|part| PURPOSES.contains(&part)) {
            findings.add(
                stage.from,
                name.span,
                format!("`{}` is built only for those who ask for it", name.text),
            );
        }
    }
}
