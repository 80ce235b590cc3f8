//! Large files that are there twice.

use super::findings::{Files, Told};
use super::{Image, ImageRule, nothing, shown};
use crate::layer::{Kind, UNKNOWN_DIGEST};
use crate::lint::context_facts::size;
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};
use std::collections::HashMap;

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV412",
        name: "duplicate-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Info,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "Files of a megabyte or more with the same content under several names of an image, that are no links of each other.",
            why: "Each copy is sent and stored.",
            example: "FROM debian:12\nCOPY model.bin /app/\nRUN cp /app/model.bin /srv/\n",
            instead: "FROM debian:12\nCOPY model.bin /app/\nRUN ln -s /app/model.bin /srv/model.bin\n",
            references: &["https://docs.docker.com/build/building/best-practices/"],
        },
        check: nothing,
        cases: "
=== fires on 2: another copy
layer COPY x
f 644 /app/m 2000000 m
layer RUN cp
f 644 /srv/m 2000000 m
f 644 /srv/n 2000000 m

=== clean: links, small files, other contents
layer COPY x
f 644 /app/m 2000000 m
h /app/n /app/m
l /app/o m
f 644 /a 2000 a
f 644 /b 2000 a
f 644 /c 2000000 c

=== clean: hidden by now
layer COPY x
f 644 /app/m 2000000 m
layer RUN mv
w /app/m
f 644 /srv/m 2000000 m
",
    },
    look,
};

const LEAST: u64 = 1_000_000;

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    let mut files = Files::default();
    let mut seen: HashMap<_, &[u8]> = HashMap::new();
    let mut all: Vec<_> = image.files().collect();
    // The first layer's is the one to keep.
    all.sort_by_key(|found| found.layer);
    let mut example: Option<String> = None;
    for found in all {
        let Kind::File {
            size: bytes @ LEAST..,
            digest,
        } = &found.entry.kind
        else {
            continue;
        };
        if *digest == UNKNOWN_DIGEST {
            continue;
        }
        match seen.get(digest) {
            Some(first) => {
                example.get_or_insert_with(|| shown(first));
                files.add(found.layer, &found.entry.path, *bytes);
            }
            None => {
                seen.insert(*digest, &found.entry.path);
            }
        }
    }
    told.files(files, |names, bytes| {
        let example = example.as_deref().unwrap_or_default();
        format!("{} are in the image already, such as `{example}`: {names}", size(bytes))
    });
}
