//! Two stages of one name.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use std::collections::BTreeSet;

pub(super) static RULE: Rule = Rule {
    code: "DL3024",
    name: "repeated-stage-name",
    family: Family::Hadolint,
    twin: Some("DuplicateStageName"),
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage whose name an earlier one has.",
        why: "Whoever names it below means one of two, and it is easy to guess wrong which.",
        example: "FROM debian:12 AS build\nFROM golang:1.23 AS build\n",
        instead: "FROM debian:12 AS base\nFROM golang:1.23 AS build\n",
        references: &["https://docs.docker.com/build/building/multi-stage/#name-your-build-stages"],
    },
    check,
    cases: "
=== fires at 2:21, 3:19: each further one
FROM debian:12 AS build
FROM golang:1.23 AS build
FROM debian:12 AS build

=== clean: names that differ, if only in the case of letters
FROM debian:12 AS build
FROM golang:1.23 AS Build
FROM debian:12
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for stage in document.stages() {
        if let Some(name) = stage.name
            && !seen.insert(&name.text)
        {
            findings.add(
                stage.from,
                name.span,
                format!("an earlier stage is called `{}` as well", name.text),
            );
        }
    }
}
