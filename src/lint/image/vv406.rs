//! Caches of package managers in the image.

use super::findings::{Files, Told};
use super::{Image, ImageRule, is_within, nothing};
use crate::lint::context_facts::size;
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV406",
        name: "cache-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Info,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "Package lists and downloaded packages of 100 kB or more in a layer of an image.",
            why: "No program reads them again. A newer list is fetched by whoever installs something on top.",
            example: "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n",
            instead: "FROM debian:12\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n",
            references: &[
                "https://docs.docker.com/build/building/best-practices/#apt-get",
                "https://docs.docker.com/build/cache/optimize/#use-cache-mounts",
            ],
        },
        check: nothing,
        cases: "
=== fires on 2: lists
layer FROM
f 644 /var/lib/apt/lists/lock 0
layer RUN apt-get update
f 644 /var/lib/apt/lists/a_Packages 900000
f 644 /var/lib/apt/lists/b_Packages 900000

=== fires on 1: a language's packages
layer RUN pip
f 644 /root/.cache/pip/a 900000

=== clean: little of it, removed, or something else
layer RUN x
f 644 /var/cache/apk/a 10000
f 644 /root/.npm/x 900000
f 644 /var/cache/ldconfig/aux-cache 900000
f 644 /srv/root/.npm/x 900000
layer RUN rm
w /root/.npm
",
    },
    look,
};

const FOLDERS: [&[u8]; 17] = [
    b"root/.bun/install/cache",
    b"root/.cache",
    b"root/.composer/cache",
    b"root/.gradle/caches",
    b"root/.m2/repository",
    b"root/.npm",
    b"root/go/pkg/mod/cache",
    b"go/pkg/mod/cache",
    b"opt/conda/pkgs",
    b"usr/local/cargo/registry/cache",
    b"usr/local/share/.cache",
    b"var/cache/apk",
    b"var/cache/apt/archives",
    b"var/cache/dnf",
    b"var/cache/yum",
    b"var/cache/zypp",
    b"var/lib/apt/lists",
];

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    let mut files = Files::default();
    for found in image.files() {
        let bytes = Image::size(found.entry);
        if bytes > 0 && FOLDERS.iter().any(|folder| is_within(&found.entry.path, folder)) {
            files.add(found.layer, &found.entry.path, bytes);
        }
    }
    told.files(files.at_least(100_000), |names, bytes| {
        format!("{} of package lists and downloads are left: {names}", size(bytes))
    });
}
