//! A layer that changes nothing.

use super::findings::Told;
use super::{Image, ImageRule, nothing};
use crate::layer::{Entry, Kind, View};
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV411",
        name: "layer-without-effect",
        family: Family::Varve,
        twin: None,
        level: Level::Info,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "A layer of an image that is empty, or holds only what the layers below it have already, times apart.",
            why: "It costs a request and a place in the list of layers, and its step brought nothing about, or nothing that lasts.",
            example: "FROM debian:12\nRUN export A=b\n",
            instead: "FROM debian:12\nENV A=b\n",
            references: &["https://docs.docker.com/reference/dockerfile/#run"],
        },
        check: nothing,
        cases: "
=== fires on 2: empty
layer FROM
f 644 /a 1
layer RUN true

=== fires on 2: the same again
layer FROM
d 755 /x
f 644 /x/a 1 one
layer COPY a
d 755 /x
f 644 /x/a 1 one

=== clean: a change of a mode, of a content, a removal, and no layer at all
layer FROM
f 644 /a 1 one
layer RUN chmod
f 755 /a 1 one
layer RUN x
f 755 /a 1 two
layer RUN rm
w /a
config ENV A=b

=== clean: an opaque directory
layer FROM
f 644 /d/a 1
layer RUN x
o 755 /d
",
    },
    look,
};

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    let layers = image.view.layers();
    for (at, listing) in layers.iter().enumerate() {
        let below = View::new(layers[..at].to_vec());
        // Mostly the first entry or two tell.
        if listing.entries().iter().all(|entry| is_there(&below, entry)) {
            told.layer(at, "this layer changes nothing");
        }
    }
}

fn is_there(below: &View, entry: &Entry) -> bool {
    if entry.path.is_empty() && matches!(entry.kind, Kind::Directory { opaque: false }) {
        // What a root that nobody describes looks like depends on who unpacks it.
        return true;
    }
    below.get(&entry.path).is_some_and(|found| {
        let old = found.entry;
        let same_kind = match (&old.kind, &entry.kind) {
            (Kind::Directory { .. }, Kind::Directory { opaque }) => !opaque,
            (old, new) => old == new,
        };
        same_kind && (old.mode, old.uid, old.gid, &old.xattrs) == (entry.mode, entry.uid, entry.gid, &entry.xattrs)
    })
}
