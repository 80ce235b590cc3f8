//! An image that runs as root.

use super::findings::Told;
use super::{Image, ImageRule, nothing};
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV408",
        name: "root-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Warning,
        state: State::Preview,
        fixable: Fixable::No,
        docs: Docs {
            what: "An image whose user is root, or that sets none.",
            why: "Whoever breaks into the program is root in the container, and closer to being root outside.",
            example: "FROM debian:12\nCMD [\"server\"]\n",
            instead: "FROM debian:12\nUSER 1000\nCMD [\"server\"]\n",
            references: &["https://docs.docker.com/build/building/best-practices/#user"],
        },
        check: nothing,
        cases: "
=== fires on 1: none is set
layer FROM

=== fires on 2: it is set
layer FROM
config USER 0:1000
config CMD x

=== clean: another one
layer FROM
config USER app

=== clean: by number
layer FROM
config USER 1000:0
",
    },
    look,
};

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    let user = image.config.config.user.as_str();
    let name = user.split(':').next().unwrap_or_default();
    if image.view.layers().is_empty() || !matches!(name, "" | "root" | "0") {
        return;
    }
    let message = match name {
        "" => "no user is set, so this runs as root".to_owned(),
        _ => format!("user `{user}` is root"),
    };
    told.config("USER", message).help("set another one with `USER`");
}
