//! A base image without a tag.

use super::bases;
use crate::lint::words::Image;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3006",
    name: "untagged-image",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `FROM` whose image has neither tag nor digest.",
        why: "It means `latest`, which is another image tomorrow.",
        example: "FROM debian\n",
        instead: "FROM debian:12\n",
        references: &["https://docs.docker.com/build/building/best-practices/#from"],
    },
    check,
    cases: "
=== fires at 1:6: no tag
FROM debian

=== fires on 1, 2, 3: a registry's port is no tag, and names of stages count as written
FROM example.org:5000/team/app AS build
FROM Build
FROM team/${NAME}

=== clean: tags, digests, variables, stages, local registries and nothing
FROM debian:12 AS build
FROM debian@sha256:0123456789012345678901234567890123456789012345678901234567890123
FROM $BASE
FROM ${BASE:-debian}
FROM scratch
FROM build
FROM localhost:5000/team/app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let Some(image) = stage.image else { continue };
        let text = image.text.as_str();
        let read = Image::read(text);
        let is_stage = || document.stage_named(bases::name_of(stage), stage.index).is_some();
        // hadolint takes the port for a tag; and what a local registry holds was made a moment ago.
        let is_local = text.starts_with("localhost:");
        let is_other = text == "scratch" || text.starts_with('$') || is_local || is_stage();
        if read.tag.is_none() && read.digest.is_none() && !is_other {
            findings.add(stage.from, image.span, format!("the image `{text}` has no tag"));
        }
    }
}
