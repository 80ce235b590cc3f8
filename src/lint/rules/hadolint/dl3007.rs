//! A base image with the tag latest.

use crate::lint::words::Image;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3007",
    name: "latest-tag",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `FROM` whose image has the tag `latest`.",
        why: "What `latest` means changes whenever a new version is published, and an old build can't be repeated.",
        example: "FROM debian:latest\n",
        instead: "FROM debian:12\n",
        references: &["https://docs.docker.com/build/building/best-practices/#pin-base-image-versions"],
    },
    check,
    cases: "
=== fires at 1:6: the tag
FROM debian:latest

=== clean: a version, or a digest beside it
FROM debian:12
FROM debian:latest@sha256:0123456789012345678901234567890123456789012345678901234567890123
FROM debian:latest-slim
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let Some(image) = stage.image else { continue };
        let read = Image::read(&image.text);
        if read.tag == Some("latest") && read.digest.is_none() {
            findings.add(
                stage.from,
                image.span,
                format!("the tag of `{}` means another image tomorrow", image.text),
            );
        }
    }
}
