//! COPY --from of the stage itself.

use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3023",
    name: "copy-from-own-stage",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `COPY --from` that names the stage it stands in.",
        why: "A stage can only copy from those above it; the build fails.",
        example: "FROM debian:12 AS app\nCOPY --from=app /a /b\n",
        instead: "FROM debian:12 AS app\nRUN cp /a /b\n",
        references: &["https://docs.docker.com/build/building/multi-stage/"],
    },
    check,
    cases: "
=== fires at 3:6: its own name
FROM debian:12 AS build
FROM debian:12 AS app
COPY --from=app /a /b

=== clean: another stage, or the number
FROM debian:12 AS build
FROM debian:12 AS app
COPY --from=build /a /b
COPY --from=1 /a /b
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let Some(name) = stage.name else { continue };
        for instruction in document.instructions_of(stage) {
            if let (Some(Keyword::Copy), Some((flag, from))) =
                (instruction.keyword, words::flag_value(instruction, "from"))
                && from == name.text
            {
                findings.add(instruction, flag.span, format!("the stage `{from}` copies from itself"));
            }
        }
    }
}
