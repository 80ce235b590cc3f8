//! Files that the user can't write.

use super::common::last_of;
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV315",
    name: "root-owned-copy",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "`COPY` or `ADD` without `--chown` after a `USER` that is not root.",
        why: "The files belong to root whoever the user is, which surprises when the program wants to write there.",
        example: "FROM debian:12\nUSER app\nCOPY . /app\n",
        instead: "FROM debian:12\nUSER app\nCOPY --chown=app . /app\n",
        references: &["https://docs.docker.com/reference/dockerfile/#copy---chown---chmod"],
    },
    check,
    cases: "
=== fires at 3:1: after the user
FROM debian:12
USER app
COPY . /app

=== fires at 4:1: from the stage below
FROM debian:12 AS base
USER app
FROM base
ADD x /x

=== clean: before it, with an owner, or root again
FROM debian:12
COPY . /app
USER app
COPY --chown=root a /a
USER root
COPY b /b
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let mut user = stage
            .base
            .and_then(|base| last_of(document, &document.stages()[base], Keyword::User));
        for instruction in document.instructions_of(stage) {
            match instruction.keyword {
                Some(Keyword::User) => user = Some(instruction),
                Some(Keyword::Copy | Keyword::Add) if words::flag(instruction, "chown").is_none() => {
                    let name = user
                        .and_then(|user| words::list(user).first())
                        .map_or("root", |word| word.text.as_str());
                    let name = words::unquoted(name).split(':').next().unwrap_or_default();
                    if !matches!(name, "root" | "0" | "") {
                        findings.add(
                            instruction,
                            instruction.span,
                            format!("these files belong to root, not to `{name}`"),
                        );
                    }
                }
                _ => {}
            }
        }
    }
}
