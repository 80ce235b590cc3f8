//! Two stages of one name.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use std::collections::BTreeSet;

pub(super) static RULE: Rule = Rule {
    code: "DuplicateStageName",
    name: "duplicate-stage-name",
    family: Family::BuildKit,
    twin: Some("DL3024"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage whose name an earlier one has, whatever the case of its letters.",
        why: "Whoever names it below gets the later one, and it is easy to think of the other.",
        example: "FROM debian:12 AS build\nFROM golang:1.23 AS build\n",
        instead: "FROM debian:12 AS base\nFROM golang:1.23 AS build\n",
        references: &["https://docs.docker.com/reference/build-checks/duplicate-stage-name/"],
    },
    check,
    cases: "
=== fires at 2:21: in another case as well
FROM debian:12 AS build
FROM golang:1.23 AS Build

=== clean: names that differ
FROM debian:12 AS base
FROM golang:1.23 AS build
FROM debian:12
FROM debian:12
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for stage in document.stages() {
        if let Some(name) = stage.name
            && !seen.insert(name.text.to_lowercase())
        {
            findings.add(
                stage.from,
                name.span,
                format!("an earlier stage is called `{}` as well", name.text.to_lowercase()),
            );
        }
    }
}
