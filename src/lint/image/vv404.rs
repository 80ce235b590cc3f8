//! Files of secrets in a layer.

use super::findings::{Files, Told};
use super::{Image, ImageRule, name_of, nothing};
use crate::layer::Kind;
use crate::lint::context_facts::is_secret;
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV404",
        name: "secret-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Error,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "A file in any layer of an image, seen or hidden, whose name says that it holds keys, passwords or tokens, or a PEM file with a private key.",
            why: "Everybody who has the image can read it, and removing it in a later layer changes nothing about that.",
            example: "FROM debian:12\nCOPY id_rsa /root/.ssh/id_rsa\nRUN git clone git@example.org:x.git && rm /root/.ssh/id_rsa\n",
            instead: "FROM debian:12\nRUN --mount=type=ssh git clone git@example.org:x.git\n",
            references: &["https://docs.docker.com/build/building/secrets/"],
        },
        check: nothing,
        cases: "
=== fires on 1, 2: a key that was removed, and variables
layer COPY x
f 600 /root/.ssh/id_rsa 400
layer COPY y
w /root/.ssh/id_rsa
f 644 /app/.env 20

=== fires on 1: a private key in a file that may also be a certificate
layer COPY x
f 644 /tls/a.pem 100
f 644 /tls/b.pem 100
content /tls/a.pem -----BEGIN CERTIFICATE-----|MII
content /tls/b.pem -----BEGIN CERTIFICATE-----|M|-----BEGIN PRIVATE KEY-----|M

=== clean: what packages bring, public halves, empty files
layer FROM
f 644 /usr/share/doc/x/server.key 10
f 644 /usr/local/lib/node_modules/npm/.npmrc 10
f 644 /usr/lib/python3/site-packages/test/a.key 10
f 644 /root/.ssh/id_rsa.pub 10
f 644 /app/.env 0
f 644 /app/.env.example 10

=== clean: a folder of that name
layer FROM
d 700 /root/.ssh
",
    },
    look,
};

/// Folders that packages fill, with samples and what their tests need.
const PACKAGES: [&str; 7] = [
    "node_modules",
    "site-packages",
    "dist-packages",
    "vendor",
    "testdata",
    "test",
    "tests",
];

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    let mut files = Files::default();
    for (layer, listing) in image.view.layers().iter().enumerate() {
        for entry in listing.entries() {
            let Kind::File { size: bytes @ 1.., .. } = entry.kind else {
                continue;
            };
            let Ok(path) = str::from_utf8(&entry.path) else {
                continue;
            };
            let of_package = ["usr/share/", "usr/lib/", "usr/include/"]
                .iter()
                .any(|folder| path.starts_with(folder))
                || path.split('/').any(|part| PACKAGES.contains(&part));
            if of_package {
                continue;
            }
            let name = String::from_utf8_lossy(name_of(&entry.path));
            let is_here = || image.view.get(&entry.path).is_some_and(|seen| seen.layer == layer);
            let is_key = || name.ends_with(".pem") && is_here() && is_private((image.read)(&entry.path));
            if is_secret(&name) || is_key() {
                files.add(layer, &entry.path, bytes);
            }
        }
    }
    told.files(files, |names, _| {
        format!("everybody who has the image can read {names}")
    });
}

fn is_private(content: Option<Vec<u8>>) -> bool {
    content.is_some_and(|bytes| String::from_utf8_lossy(&bytes).contains("PRIVATE KEY-----"))
}
