//! A base image for another platform.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "InvalidBaseImagePlatform",
    name: "invalid-base-image-platform",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A base image that was not made for the platform that is built for.",
        why: "Its programs only run on machines that imitate the other processor, slowly, or not at all. Only found \
              where base images are known, as in a build.",
        example: "FROM example:1\n",
        instead: "FROM debian:12\n",
        references: &["https://docs.docker.com/build/building/multi-platform/"],
    },
    check,
    cases: "
=== fires at 2:6: another processor
--- with base example:1 plan9/mips
ARG TAG=1
FROM example:$TAG
FROM debian:12

=== clean: nothing is known
FROM example:1
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let froms = &document.scopes().froms;
    for (stage, from) in document.stages().iter().zip(froms) {
        if let (Some((found, wanted)), Some(image)) = (&from.mismatch, stage.image) {
            let name = from.image.as_deref().unwrap_or(&image.text);
            findings.add(
                stage.from,
                image.span,
                format!("`{name}` is for `{found}`, and the build is for `{wanted}`"),
            );
        }
    }
}
