//! Files that a later layer hides.

use super::findings::{Files, Told};
use super::{Image, ImageRule, nothing};
use crate::layer::Kind;
use crate::lint::context_facts::size;
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV401",
        name: "hidden-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Info,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "A layer of an image with a megabyte or more of files that a later layer removes or replaces.",
            why: "A container does not see them, and everybody who pulls the image gets them all the same. Secrets among them can be read.",
            example: "FROM debian:12\nCOPY sources.tar /tmp/\nRUN tar -xf /tmp/sources.tar -C /opt && rm /tmp/sources.tar\n",
            instead: "FROM debian:12\nRUN --mount=type=bind,source=sources.tar,target=/tmp/sources.tar tar -xf /tmp/sources.tar -C /opt\n",
            references: &[
                "https://docs.docker.com/reference/dockerfile/#run---mount",
                "https://docs.docker.com/build/building/best-practices/",
            ],
        },
        check: nothing,
        cases: "
=== fires on 1: removed
layer COPY a
f 644 /tmp/a 2000000
f 644 /b 2000000
layer RUN rm
w /tmp/a

=== fires on 1, 2: replaced, and below something that is no directory now
layer COPY a
f 644 /a 1500000 one
layer COPY b
f 644 /a 10 two
f 644 /d/x 800000
f 644 /d/y 800000
layer RUN x
f 644 /d 1

=== clean: small, or there still
layer COPY a
f 644 /a 1000
f 644 /d/b 9000000
layer RUN rm
w /a
d 755 /d
f 644 /d/c 9000000

=== fires on 1: below an opaque directory
layer COPY a
f 644 /d/b 9000000
layer RUN x
o 755 /d
",
    },
    look,
};

/// Fewer bytes in one layer are not worth a word: package managers rewrite their databases all the time.
const LEAST: u64 = 1_000_000;

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    let mut files = Files::default();
    for (layer, listing) in image.view.layers().iter().enumerate() {
        for entry in listing.entries() {
            let Kind::File { size: bytes @ 1.., .. } = entry.kind else {
                continue;
            };
            let seen = image.view.get(&entry.path);
            if seen.is_none_or(|seen| seen.layer != layer) {
                files.add(layer, &entry.path, bytes);
            }
        }
    }
    told.files(files.at_least(LEAST), |names, bytes| {
        format!("{} of this layer can't be seen any more: {names}", size(bytes))
    });
}
