//! COPY to a relative path without WORKDIR.

use super::bases;
use crate::dockerfile::Keyword;
use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3045",
    name: "copy-without-workdir",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `COPY` to a relative path in a stage that sets no `WORKDIR`.",
        why: "Where the files end up is decided by the base image, which may change.",
        example: "FROM debian:12\nCOPY app.py .\n",
        instead: "FROM debian:12\nWORKDIR /app\nCOPY app.py .\n",
        references: &["https://docs.docker.com/reference/dockerfile/#workdir"],
    },
    check,
    cases: r#"
=== fires at 2:8: no WORKDIR
FROM debian:12
COPY a b/
--- fixed
FROM debian:12
COPY a /b/

=== fires on 3, 4, 7, 9: in quotes, as JSON, and not that of another stage
FROM debian:12 AS one
ONBUILD WORKDIR /a
COPY a "b"
COPY ["a", "b"]
WORKDIR /a
FROM alpine:3
COPY a b
FROM One
COPY a b

=== clean: a WORKDIR here or in a stage below, and paths that are whole
FROM debian:12 AS one
WORKDIR /app
COPY a b
FROM one AS two
COPY a b
FROM two
COPY a b
FROM alpine:3
COPY a /b
COPY a "/b"
COPY a $TARGET
COPY a C:\b
ADD a b

=== clean: an image that an unnamed stage above was made of, as hadolint has it
FROM debian:12
WORKDIR /app
FROM debian:12-slim
COPY a b
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let bases = bases::of(document);
    let mut ends_with_workdir: Vec<bool> = Vec::with_capacity(bases.len());
    for stage in document.stages() {
        let mut has_workdir = bases[stage.index].is_some_and(|base| ends_with_workdir[base]);
        for instruction in document.instructions_of(stage) {
            match (instruction.keyword, words::copied(instruction)) {
                (Some(Keyword::Workdir), _) => has_workdir = true,
                (Some(Keyword::Copy), Some((_, target))) if !has_workdir => {
                    let path = words::unquoted(&target.text);
                    if !path.starts_with(['/', '$']) && !words::has_drive(path) {
                        let message = format!("`{path}` is relative, and the stage sets no `WORKDIR`");
                        let finding = findings.add(instruction, target.span, message);
                        finding.fix = fixes::at_root(document, target);
                    }
                }
                _ => {}
            }
        }
        ends_with_workdir.push(has_workdir);
    }
}
