//! A label that changes often, above other steps.

use super::common::is_volatile;
use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV220",
    name: "early-changing-label",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `LABEL` whose value is a commit, a time or a number of a build, with files made below it.",
        why: "Builders without BuildKit's view of labels make everything below anew when the label changes. At the end of the stage it costs nothing anywhere.",
        example: "FROM debian:12\nARG GIT_COMMIT\nLABEL revision=$GIT_COMMIT\nRUN apt-get update && apt-get install -y curl\n",
        instead: "FROM debian:12\nRUN apt-get update && apt-get install -y curl\nARG GIT_COMMIT\nLABEL revision=$GIT_COMMIT\n",
        references: &[
            "https://docs.docker.com/build/building/best-practices/#leverage-build-cache",
            "https://docs.docker.com/reference/dockerfile/#label",
        ],
    },
    check,
    cases: "
=== fires at 3:16: a variable
FROM debian:12
ARG GIT_COMMIT
LABEL revision=$GIT_COMMIT name=x
RUN true

=== fires at 3:36: a label that says it is a time
FROM debian:12
LABEL name=\"x\" \\
  org.opencontainers.image.created=2026-01-01T00:00:00Z
COPY a /a

=== clean: at the end, or of what is stable
FROM debian:12
ARG VERSION
LABEL version=$VERSION
RUN true
ARG GIT_COMMIT
LABEL revision=$GIT_COMMIT
CMD [\"x\"]

=== clean: another stage goes on
FROM debian:12
LABEL date=$BUILD_DATE
FROM debian:12
RUN true
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let instructions = document.instructions_of(stage);
        for (at, instruction) in instructions.iter().enumerate() {
            let (Some(Keyword::Label), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body) else {
                continue;
            };
            let makes_files = |other: &&crate::dockerfile::Instruction| {
                matches!(other.keyword, Some(Keyword::Run | Keyword::Copy | Keyword::Add))
            };
            let Some(below) = instructions[at + 1..].iter().find(makes_files) else {
                continue;
            };
            for pair in pairs {
                let Some(value) = &pair.value else { continue };
                let key = words::unquoted(&pair.key.text);
                let named = matches!(key, "org.opencontainers.image.created" | "org.label-schema.build-date");
                if named || words::names_used(&value.text).any(is_volatile) {
                    findings
                        .add(
                            instruction,
                            value.span,
                            format!(
                                "line {} and all below come after a label that is always new",
                                below.lines.0
                            ),
                        )
                        .help("move it to the end of the stage");
                }
            }
        }
    }
}
