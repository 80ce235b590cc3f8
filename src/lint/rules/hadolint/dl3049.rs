//! Labels that are missing.

use super::{bases, labels};
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};
use std::collections::BTreeSet;

pub(super) static RULE: Rule = Rule {
    code: "DL3049",
    name: "missing-label",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage without a label that the configuration asks for.",
        why: "Those who run many images find them by their labels. Nothing is found until a schema is configured.",
        example: "FROM debian:12\nRUN true\n",
        instead: "FROM debian:12\nLABEL team=\"web\"\n",
        references: &["https://github.com/hadolint/hadolint#linting-labels"],
    },
    check,
    cases: r#"
=== fires at 1:1: the FROM of the stage
--- with label team:text
FROM debian:12
RUN true

=== fires on 1, 2: other stages have nothing to do with it
--- with label team:text
FROM debian:12
FROM debian:12 AS build
FROM debian:12
LABEL team="web"

=== clean: a stage that others copy from, or that only stages with the label are built on
--- with label team:text
FROM debian:12 AS base
FROM debian:12 AS build
FROM base AS app
COPY --from=build /a /b
LABEL team="web"
FROM app

=== fires on 1, 4: one of two that are built on it
--- with label team:text
FROM debian:12 AS base
FROM base
LABEL team="web"
FROM base

=== clean: nothing is configured
FROM debian:12
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let schema = &document.options.label_schema;
    if schema.is_empty() {
        return;
    }
    let stages = document.stages();
    let own: Vec<BTreeSet<&str>> = stages
        .iter()
        .map(|stage| {
            let all = document.instructions_of(stage).iter().flat_map(labels::of);
            all.map(|label| label.key).collect()
        })
        .collect();
    let bases: Vec<Option<usize>> = stages
        .iter()
        .map(|stage| document.stage_named(bases::name_of(stage), stage.index))
        .collect();
    let copied = copied(document);
    for name in schema.keys() {
        let mut has: Vec<bool> = own.iter().map(|own| own.contains(name.as_str())).collect();
        // Of the stages that are built on each: whether there are any, and whether one lacks the label.
        let mut above = vec![(false, false); stages.len()];
        for index in 0..stages.len() {
            if let Some(base) = bases[index] {
                has[index] |= has[base];
                above[base].0 = true;
                above[base].1 |= !has[index];
            }
        }
        for stage in stages {
            let index = stage.index;
            if !has[index] && !copied[index] && above[index] != (true, false) {
                findings.add(stage.from, stage.from.span, format!("the stage has no label `{name}`"));
            }
        }
    }
}

/// For each stage whether one copies from it by name.
fn copied(document: &Document<'_>) -> Vec<bool> {
    let mut copied = vec![false; document.stages().len()];
    for stage in document.stages() {
        for instruction in document.instructions_of(stage) {
            if let (Some(Keyword::Copy), Some((_, from))) =
                (instruction.keyword, words::flag_value(instruction, "from"))
                && let Some(source) = document.stage_named(from, stage.index + 1)
            {
                copied[source] = true;
            }
        }
    }
    copied
}
