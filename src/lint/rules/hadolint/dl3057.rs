//! A stage without HEALTHCHECK.

use super::bases;
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3057",
    name: "missing-healthcheck",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::Off,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage that says nothing about how to tell whether its container works.",
        why: "Docker and those that run many containers can restart one that has stopped to answer.",
        example: "FROM debian:12\nCMD [\"server\"]\n",
        instead: "FROM debian:12\nHEALTHCHECK CMD [\"server\", \"--check\"]\nCMD [\"server\"]\n",
        references: &["https://docs.docker.com/reference/dockerfile/#healthcheck"],
    },
    check,
    cases: r#"
=== fires at 1:1: the FROM of the stage
FROM debian:12
CMD ["server"]

=== fires on 1: other stages have nothing to do with it
FROM debian:12
FROM alpine:3
HEALTHCHECK NONE

=== clean: stages that build on one that has it, and those that one is built on
FROM debian:12 AS base
FROM base AS checked
HEALTHCHECK CMD ["server", "--check"]
FROM checked
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let stages = document.stages();
    let base = bases::of(document);
    let mut excused: Vec<bool> = stages
        .iter()
        .map(|stage| {
            let mut all = document.instructions_of(stage).iter();
            all.any(|instruction| instruction.keyword == Some(Keyword::Healthcheck))
        })
        .collect();
    for index in (0..stages.len()).rev() {
        if let (true, Some(base)) = (excused[index], base[index]) {
            excused[base] = true;
        }
    }
    for index in 0..stages.len() {
        excused[index] |= base[index].is_some_and(|base| excused[base]);
        if !excused[index] {
            let from = stages[index].from;
            findings.add(from, from.span, "the stage has no `HEALTHCHECK`");
        }
    }
}
