//! An ARG that nothing uses.

use super::common::lineage;
use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, Stage, State};

pub(super) static RULE: Rule = Rule {
    code: "VV301",
    name: "unused-argument",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `ARG` of a stage whose name appears nowhere after it in the stages that see it.",
        why: "A value given with `--build-arg` changes nothing, which nobody will notice. A changed value still makes later steps run anew.",
        example: "FROM debian:12\nARG VERSION=1\nRUN make\n",
        instead: "FROM debian:12\nARG VERSION=1\nRUN make VERSION=\"$VERSION\"\n",
        references: &["https://docs.docker.com/reference/dockerfile/#arg"],
    },
    check,
    cases: "
=== fires at 2:5: never named again
FROM debian:12
ARG VERSION
RUN make

=== fires at 2:9: one of two
FROM debian:12
ARG ONE TWO
RUN make $ONE

=== clean: named in a command, in a heredoc, or in a stage built on this one
FROM debian:12 AS base
ARG A
ARG B
ARG C
RUN make ${A:-x}
COPY <<EOF /x
$B
EOF
FROM base
ENV C=$C

=== clean: programs read these from the environment, and so may the commands of a step
FROM debian:12
ARG DEBIAN_FRONTEND=noninteractive
ARG HTTP_PROXY
ARG SOURCE_DATE_EPOCH
RUN apt-get install -y x=1
",
};

/// Variables that programs read by themselves.
fn is_for_programs(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.ends_with("_PROXY")
        || [
            "BUILDKIT_",
            "CARGO_",
            "GO",
            "NODE_",
            "NPM_CONFIG_",
            "PIP_",
            "PYTHON",
            "UV_",
            "YARN_",
            "MAKE",
            "C",
            "LD",
        ]
        .iter()
        .any(|start| upper.starts_with(start) && (start.ends_with('_') || upper.len() > start.len()))
            && upper != "COMMIT"
        || matches!(
            upper.as_str(),
            "DEBIAN_FRONTEND" | "SOURCE_DATE_EPOCH" | "TZ" | "LANG" | "LC_ALL" | "PATH" | "HOME" | "CI" | "CC" | "CXX"
        )
}

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        for index in stage.range.clone() {
            let instruction = &document.instructions()[index];
            let (Some(Keyword::Arg), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body) else {
                continue;
            };
            for pair in pairs {
                let name = pair.key.text.as_str();
                if !is_for_programs(name) && !is_named_after(document, stage, index, name) {
                    findings.add(instruction, pair.key.span, format!("nothing uses `{name}`"));
                }
            }
        }
    }
}

/// Whether a later instruction of `stage`, or of a stage that begins with it, has `name` as a word of its own.
fn is_named_after(document: &Document<'_>, stage: &Stage<'_>, index: usize, name: &str) -> bool {
    let rest = document.instructions()[index..stage.range.end].iter().enumerate();
    let here = rest.into_iter().any(|(at, instruction)| {
        // The ARG itself may use it in the value of another.
        let text = document.text(instruction.span);
        has_word(text, name, if at == 0 { 1 } else { 0 })
    });
    let mut children = document.stages()[stage.index + 1..].iter();
    here || children.any(|child| {
        lineage(document, child).any(|base| base.index == stage.index)
            && document
                .instructions_of(child)
                .iter()
                .any(|instruction| has_word(document.text(instruction.span), name, 0))
    })
}

/// Whether `word` stands in `text` more than `besides` times, with no letters around it.
fn has_word(text: &str, word: &str, besides: usize) -> bool {
    if word.is_empty() {
        return true;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word)
        .filter(|(at, _)| !text[..*at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
        .nth(besides)
        .is_some()
}
