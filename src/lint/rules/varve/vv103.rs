//! Copying a file that holds secrets.

use super::common::{copies, file_name, is_url};
use crate::lint::context_facts::is_secret;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV103",
    name: "secret-file",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `COPY` or `ADD` of a file whose name says that it holds keys, passwords or tokens.",
        why: "It becomes part of a layer. Removing it in a later step hides it from the container and leaves it in the image.",
        example: "FROM node:22\nCOPY .npmrc package.json /app/\n",
        instead: "FROM node:22\nCOPY package.json /app/\nRUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci\n",
        references: &["https://docs.docker.com/build/building/secrets/"],
    },
    check,
    cases: "
=== fires at 2:6, 2:24: names that are always secret
FROM debian:12
COPY id_ed25519 app.py deploy/.env /app/

=== fires at 2:7, 2:25: the JSON form, and a folder
FROM debian:12
COPY [\"tls/server.key\", \".aws/\", \"/app/\"]

=== clean: public halves, samples, and what comes from another stage
FROM debian:12
COPY id_ed25519.pub .env.example ca.pem /app/
COPY --from=build /root/.npmrc /x
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, copy) in copies(document) {
        let heredocs = words::heredocs(copy);
        for source in words::copied(copy).map_or(&[][..], |(sources, _)| sources) {
            if heredocs.contains(&source.span) || is_url(&source.text) {
                continue;
            }
            let name = file_name(words::unquoted(&source.text)).to_ascii_lowercase();
            if is_secret(&name) {
                findings
                    .add(
                        outer,
                        source.span,
                        format!("`{name}` usually holds secrets, and becomes part of the image"),
                    )
                    .help("hand it to the step that needs it with `--mount=type=secret`");
            }
        }
    }
}
