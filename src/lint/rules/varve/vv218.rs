//! The context copied over the root directory.

use super::common::{Directory, is_whole_context, lineage};
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV218",
    name: "context-over-root",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `COPY` or `ADD` of the whole context to `/`.",
        why: "Whatever the context holds ends up among the system's files: `etc`, `bin` or `lib` of the project replace those of the image, and nothing tells them apart afterwards.",
        example: "FROM node:22\nCOPY . /\n",
        instead: "FROM node:22\nWORKDIR /app\nCOPY . .\n",
        references: &["https://docs.docker.com/reference/dockerfile/#copy"],
    },
    check,
    cases: "
=== fires at 2:8, 4:7: written out, or by the working directory
FROM node:22
COPY . /
WORKDIR /
ADD . ./

=== fires at 2:14: the JSON form
FROM node:22
COPY [\".\",   \"/\"]

=== clean: a directory, one of the context's, another stage's files
FROM node:22
COPY . /app
COPY root/ /
COPY --from=build . /
WORKDIR /srv
COPY . .

=== clean: an image that is nothing but the context
FROM scratch
COPY . /

=== clean: a working directory that the image may set
FROM node:22
COPY . .
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let root = lineage(document, stage).last().and_then(|stage| stage.image);
        if root.is_some_and(|image| image.text == "scratch") {
            continue;
        }
        let mut directory = Directory::of_stage(document, stage);
        for copy in document.instructions_of(stage) {
            directory.see(copy);
            let is_copy = matches!(copy.keyword, Some(Keyword::Copy | Keyword::Add));
            if !is_copy || words::flag(copy, "from").is_some() {
                continue;
            }
            if let Some((sources, target)) = words::copied(copy)
                && sources.iter().any(|source| is_whole_context(&source.text))
                && directory.path(words::unquoted(&target.text)) == "/"
            {
                findings
                    .add(copy, target.span, "this mixes the context with the system's files")
                    .help("copy into a directory of your own");
            }
        }
    }
}
