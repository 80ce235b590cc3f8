//! COPY --from of something that is not above.

use crate::diagnostic::nearest;
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3022",
    name: "copy-from-unknown-stage",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `COPY --from` that names neither a stage above nor an image with a tag.",
        why: "A name that is no stage is fetched as an image, which is seldom meant when it is misspelt.",
        example: "FROM golang:1.23 AS build\nFROM debian:12\nCOPY --from=bulid /app /app\n",
        instead: "FROM golang:1.23 AS build\nFROM debian:12\nCOPY --from=build /app /app\n",
        references: &["https://docs.docker.com/build/building/multi-stage/"],
    },
    check,
    cases: "
=== fires at 3:6, 4:6: a slip, and a stage that comes later
FROM golang:1.23 AS build
FROM debian:12
COPY --from=bulid /app /app
COPY --from=2 /app /app
FROM debian:12

=== fires on 3: the case of letters counts
FROM golang:1.23 AS build
FROM debian:12
COPY --from=Build /app /app

=== clean: stages by name and number, images with a tag or digest
FROM golang:1.23 AS build
FROM debian:12
COPY --from=build /app /app
COPY --from=0 /app /app
COPY --from=nginx:1 /app /app
COPY --from=nginx@sha256:0123 /app /app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let count = stage.index + 1;
        for instruction in document.instructions_of(stage) {
            let Some((flag, from)) = words::flag_value(instruction, "from") else {
                continue;
            };
            let is_index = from.parse::<usize>().is_ok_and(|index| index < count);
            let replaced = document.options.named_contexts.iter().any(|name| name == from);
            let is_known = is_index || replaced || from.contains(':') || document.stage_named(from, count).is_some();
            if instruction.keyword != Some(Keyword::Copy) || is_known {
                continue;
            }
            let finding = findings.add(
                instruction,
                flag.span,
                format!("no stage above is called `{from}`, and an image would have a tag"),
            );
            let names = document.stages()[..count].iter().filter_map(|stage| stage.name);
            if let Some(near) = nearest(from, names.map(|name| name.text.as_str())) {
                finding.help(format!("did you mean `{near}`?"));
            }
        }
    }
}
