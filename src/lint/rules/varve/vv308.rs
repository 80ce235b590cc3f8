//! A setting for the build that stays in the image.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV308",
    name: "permanent-frontend-setting",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "`ENV DEBIAN_FRONTEND=noninteractive`.",
        why: "It stays set in the container, where somebody who installs a package by hand is never asked anything. `ARG` sets it for the build alone.",
        example: "FROM debian:12\nENV DEBIAN_FRONTEND=noninteractive\n",
        instead: "FROM debian:12\nARG DEBIAN_FRONTEND=noninteractive\n",
        references: &["https://docs.docker.com/reference/dockerfile/#arg"],
    },
    check,
    cases: "
=== fires at 3:9: the last one, among others
FROM debian:12
ENV DEBIAN_FRONTEND=noninteractive
ENV A=1 DEBIAN_FRONTEND=\"noninteractive\"

=== clean: for the build, or for one command
FROM debian:12
ARG DEBIAN_FRONTEND=noninteractive
RUN DEBIAN_FRONTEND=noninteractive apt-get install -y x=1

=== clean: set back in the end
FROM debian:12
ENV DEBIAN_FRONTEND=noninteractive
RUN true
ENV DEBIAN_FRONTEND=
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let settings = document.instructions_of(stage).iter().flat_map(|instruction| {
            match (instruction.keyword, &instruction.body) {
                (Some(Keyword::Env), Body::Pairs { pairs, .. }) => pairs.as_slice(),
                _ => &[],
            }
            .iter()
            .filter(|pair| pair.key.text == "DEBIAN_FRONTEND")
            .map(move |pair| (instruction, pair))
        });
        // The last value is what the container gets.
        if let Some((instruction, pair)) = settings.last()
            && pair
                .value
                .as_ref()
                .is_some_and(|value| words::unquoted(&value.text).eq_ignore_ascii_case("noninteractive"))
        {
            findings.add(
                instruction,
                pair.key.span,
                "`DEBIAN_FRONTEND` stays set in the container; `ARG` is enough",
            );
        }
    }
}
