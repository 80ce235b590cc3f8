//! ADD of an address without a checksum.

use super::common::{copies, is_url};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV115",
    name: "unverified-add",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "`ADD` of an `http` or `https` address without `--checksum`.",
        why: "With a checksum the build fails when the server hands out something else, and needs no request at all when the file is already known.",
        example: "FROM debian:12\nADD https://example.org/tool /usr/bin/tool\n",
        instead: "FROM debian:12\nADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 https://example.org/tool /usr/bin/tool\n",
        references: &["https://docs.docker.com/reference/dockerfile/#add---checksum"],
    },
    check,
    cases: "
=== fires at 2:5, 3:15: addresses
FROM debian:12
ADD https://example.org/a /a
ADD --link x  https://example.org/b /b/

=== clean: with a checksum, repositories, files
FROM debian:12
ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 https://example.org/a /a
ADD https://example.org/x/y.git#v1 /src
ADD a.tar.gz /a
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, copy) in copies(document) {
        if words::flag(copy, "checksum").is_some() {
            continue;
        }
        for source in words::copied(copy).map_or(&[][..], |(sources, _)| sources) {
            let address = words::unquoted(&source.text);
            let is_repository = address
                .split(['#', '?'])
                .next()
                .is_some_and(|path| path.ends_with(".git"));
            if is_url(address) && !is_repository {
                findings
                    .add(outer, source.span, "nothing verifies what this downloads")
                    .help("add `--checksum=sha256:…`");
            }
        }
    }
}
