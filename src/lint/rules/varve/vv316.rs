//! An image that starts nothing.

use super::common::{final_stage, last_of, lineage};
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV316",
    name: "missing-command",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "The stage that is built sets neither `CMD` nor `ENTRYPOINT`, and begins with nothing.",
        why: "Whoever runs it has to know what is in it.",
        example: "FROM scratch\nCOPY app /app\n",
        instead: "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n",
        references: &["https://docs.docker.com/reference/dockerfile/#entrypoint"],
    },
    check,
    cases: "
=== fires at 2:1: the stage that is built
FROM scratch AS files
FROM scratch
COPY app /app

=== clean: it has one, or its base may
FROM scratch
CMD [\"/app\"]

=== clean: the base may
FROM nginx:1.29
COPY x /x
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let Some(stage) = final_stage(document) else {
        return;
    };
    let is_empty = lineage(document, stage)
        .last()
        .and_then(|stage| stage.image)
        .is_some_and(|image| image.text == "scratch");
    if is_empty
        && last_of(document, stage, Keyword::Cmd)
            .or(last_of(document, stage, Keyword::Entrypoint))
            .is_none()
    {
        findings.add(stage.from, stage.from.span, "nothing says what this image runs");
    }
}
