//! A PATH without the one before it.

use super::common::lineage;
use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV309",
    name: "replaced-path",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `ENV PATH` whose value does not mention the old `PATH`.",
        why: "The folders that the base image relies on are then no longer looked in.",
        example: "FROM node:22\nENV PATH=/app/bin\n",
        instead: "FROM node:22\nENV PATH=/app/bin:$PATH\n",
        references: &["https://docs.docker.com/reference/dockerfile/#env"],
    },
    check,
    cases: "
=== fires at 2:5: only the own folders
FROM debian:12
ENV PATH=/app/bin:/app/sbin

=== clean: the old one, or all of the usual ones
FROM debian:12
ENV PATH=\"/app/bin:${PATH}\" A=1
ENV PATH=$PATH:/x
ENV PATH=/app/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
FROM scratch
ENV PATH=/app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let root = lineage(document, stage).last().and_then(|stage| stage.image);
        if root.is_none_or(|image| image.text == "scratch") {
            continue;
        }
        for instruction in document.instructions_of(stage) {
            let (Some(Keyword::Env), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body) else {
                continue;
            };
            for pair in pairs.iter().filter(|pair| pair.key.text == "PATH") {
                let value = pair.value.as_ref().map_or("", |value| words::unquoted(&value.text));
                let has_usual = |folder: &str| value.split(':').any(|own| own == folder);
                let keeps = value.contains('$') || has_usual("/usr/bin") && has_usual("/bin");
                if !keeps {
                    findings.add(
                        instruction,
                        pair.key.span,
                        "this `PATH` leaves out the folders of the image",
                    );
                }
            }
        }
    }
}
