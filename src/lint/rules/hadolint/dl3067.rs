//! COPY of a whole root file system.

use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3067",
    name: "copy-of-whole-root",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `COPY --from` of `/` to `/`.",
        why: "Everything of the other stage comes along, build tools and caches included, and again in a layer of its \
              own.",
        example: "FROM golang:1.23 AS build\nFROM debian:12\nCOPY --from=build / /\n",
        instead: "FROM golang:1.23 AS build\nFROM debian:12\nCOPY --from=build /app /app\n",
        references: &["https://docs.docker.com/build/building/multi-stage/"],
    },
    check,
    cases: r#"
=== fires at 3:19, 4:26, 5:20: any form
FROM golang:1.23 AS build
FROM debian:12
COPY --from=build / /
COPY --from=nginx:1 /etc "/" /
COPY --from=build ["/", "/"]

=== clean: parts, or elsewhere
FROM golang:1.23 AS build
FROM debian:12
COPY --from=build /app /
COPY --from=build / /build
COPY / /
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        let (Some(Keyword::Copy), Some(_), Some((sources, target))) = (
            instruction.keyword,
            words::flag_value(instruction, "from"),
            words::copied(instruction),
        ) else {
            continue;
        };
        let root = sources.iter().find(|source| words::unquoted(&source.text) == "/");
        if let Some(root) = root
            && words::unquoted(&target.text) == "/"
        {
            findings.add(
                instruction,
                root.span,
                "the whole root file system of another image is copied over this one",
            );
        }
    }
}
