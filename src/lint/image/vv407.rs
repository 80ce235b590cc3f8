//! Volumes over the system.

use super::findings::Told;
use super::{Image, ImageRule, is_within, nothing};
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV407",
        name: "system-volume-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Error,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "An image with a volume at the root, the Docker socket, or in `/proc`, `/sys` or `/dev`.",
            why: "An empty folder over what the kernel shows there breaks programs, and a shared one opens a way out of the container.",
            example: "FROM debian:12\nVOLUME /proc\n",
            instead: "FROM debian:12\nVOLUME /data\n",
            references: &["https://docs.docker.com/reference/dockerfile/#volume"],
        },
        check: nothing,
        cases: "
=== fires on 2: what the kernel shows
layer FROM
config VOLUME /proc/x

=== fires on 3: the root
layer FROM
config VOLUME /data
config VOLUME /

=== clean: data
layer FROM
config VOLUME /data
config VOLUME /devices
",
    },
    look,
};

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    for path in image.config.config.volumes.keys() {
        let bare = path.trim_matches('/');
        let of_system = ["proc", "sys", "dev", "run/docker.sock", "var/run/docker.sock"]
            .iter()
            .any(|folder| is_within(bare.as_bytes(), folder.as_bytes()));
        if bare.is_empty() || of_system {
            told.config(
                "VOLUME",
                format!("a volume at `{path}` hides or opens what belongs to the system"),
            );
        }
    }
}
