//! The first WORKDIR is relative.

use crate::dockerfile::{Body, Keyword};
use crate::lint::rules::fixes;
use crate::lint::words;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "WorkdirRelativePath",
    name: "workdir-relative-path",
    family: Family::BuildKit,
    twin: Some("DL3000"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A relative `WORKDIR` that no other one stands above, in the stage or those it is built on.",
        why: "Where it ends up depends on the working directory of the base image, which may change without a word.",
        example: "FROM debian:12\nWORKDIR app\n",
        instead: "FROM debian:12\nWORKDIR /app\n",
        references: &["https://docs.docker.com/reference/build-checks/workdir-relative-path/"],
    },
    check,
    cases: "
=== fires at 2:9: the first one
FROM debian:12
WORKDIR app
WORKDIR src
--- fixed
FROM debian:12
WORKDIR /app
WORKDIR src

=== fires on 3: what a variable comes to counts
FROM debian:12
ARG DIR=app
WORKDIR $DIR

=== clean: an absolute one above, here or below
FROM debian:12 AS base
WORKDIR /app
WORKDIR src
FROM base
WORKDIR more
FROM debian:12
ARG DIR=/app
WORKDIR $DIR
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for step in &document.scopes().steps {
        if step.instruction.keyword != Some(Keyword::Workdir) || step.has_workdir {
            continue;
        }
        for (span, path) in &step.words {
            let is_whole = path.starts_with('/') || words::has_drive(path) && path[2..].starts_with(['\\', '/']);
            if !is_whole {
                let message = format!("the working directory `{path}` is relative to the base image's");
                let finding = findings.add_at(step.line, *span, message);
                if let Body::Words(words) = &step.instruction.body
                    && let Some(word) = words.first()
                {
                    finding.fix = fixes::at_root(document, word);
                }
            }
        }
    }
}
