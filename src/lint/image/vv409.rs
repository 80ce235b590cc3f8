//! An image without a health check.

use super::findings::Told;
use super::{Image, ImageRule, nothing};
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV409",
        name: "missing-healthcheck-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Info,
        state: State::Preview,
        fixable: Fixable::No,
        docs: Docs {
            what: "An image without a `HEALTHCHECK`.",
            why: "Docker and Compose can't tell a program that hangs from one that works. Kubernetes has probes of its own and does not look.",
            example: "FROM debian:12\nCMD [\"server\"]\n",
            instead: "FROM debian:12\nHEALTHCHECK CMD [\"server\", \"--check\"]\nCMD [\"server\"]\n",
            references: &["https://docs.docker.com/reference/dockerfile/#healthcheck"],
        },
        check: nothing,
        cases: "
=== fires on 2: none
layer FROM
config CMD server

=== clean: one
layer FROM
config HEALTHCHECK CMD server --check

=== clean: none is wanted
layer FROM
config HEALTHCHECK NONE
",
    },
    look,
};

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    if image.config.config.healthcheck.is_none() && !image.view.layers().is_empty() {
        told.config("HEALTHCHECK", "nothing tells whether the program works");
    }
}
