//! A base image without a digest.

use crate::diagnostic::Span;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV113",
    name: "unpinned-base-digest",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "An image of `FROM`, `COPY --from` or `--mount=from` that is named by tag alone.",
        why: "A tag is moved whenever its owner likes. A digest names the same bits for ever, and a bot can still propose newer ones.",
        example: "FROM debian:12\n",
        instead: "FROM debian:12@sha256:0000000000000000000000000000000000000000000000000000000000000000\n",
        references: &["https://docs.docker.com/build/building/best-practices/#pin-base-image-versions"],
    },
    check,
    cases: "
=== fires at 1:6, 3:13: images, wherever they are named
FROM debian:12
FROM scratch
COPY --from=golang:1.25 /usr/local/go /go

=== clean: a digest, a stage, a variable, an index, nothing
ARG BASE=debian@sha256:0000000000000000000000000000000000000000000000000000000000000000
FROM $BASE AS base
FROM base
COPY --from=0 /x /x
COPY --from=base /x /x
FROM scratch
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        if let Some(image) = stage
            .image
            .filter(|image| stage.base.is_none() && is_unpinned(&image.text))
        {
            findings.add(
                stage.from,
                image.span,
                format!("`{}` is named by no digest", image.text),
            );
        }
    }
    for (outer, instruction) in document.instructions_and_triggers() {
        let Some((flag, from)) = words::flag_value(instruction, "from") else {
            continue;
        };
        let is_stage = from.parse::<usize>().is_ok()
            || document.options.named_contexts.iter().any(|name| name == from)
            || document
                .stages()
                .iter()
                .any(|stage| stage.name.is_some_and(|name| name.text.eq_ignore_ascii_case(from)));
        if !is_stage && is_unpinned(from) {
            // The value stands at the end of the flag unless it is quoted.
            let start = flag.span.end.saturating_sub(from.len() as u32).max(flag.span.start);
            findings.add(
                outer,
                Span::new(start, flag.span.end),
                format!("`{from}` is named by no digest"),
            );
        }
    }
}

fn is_unpinned(image: &str) -> bool {
    !image.contains(['@', '$']) && image != "scratch"
}
