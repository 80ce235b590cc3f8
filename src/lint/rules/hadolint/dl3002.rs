//! The last USER is root.

use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3002",
    name: "root-user",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage whose last `USER` is root.",
        why: "A process that does not need root's rights should not have them when something goes wrong in it.",
        example: "FROM debian:12\nUSER root\n",
        instead: "FROM debian:12\nUSER root\nRUN apt-get update\nUSER 1000\n",
        references: &["https://docs.docker.com/build/building/best-practices/#user"],
    },
    check,
    cases: "
=== fires at 2:6: its name
FROM debian:12
USER root

=== fires on 2, 4, 6: in every stage, by number and with a group
FROM debian:12
USER 0
FROM debian:12
USER root:staff
FROM debian:12
USER 0:0

=== clean: another at the end, and none at all
FROM debian:12
USER root
USER 1000
FROM debian:12
FROM debian:12
USER rootless
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let mut users = document.instructions_of(stage).iter();
        let last = users.rfind(|instruction| instruction.keyword == Some(Keyword::User));
        let Some((instruction, user)) = last.and_then(|it| Some((it, words::list(it).first()?))) else {
            continue;
        };
        let name = user.text.split(':').next().unwrap_or_default();
        if name == "root" || name == "0" {
            findings.add(instruction, user.span, "the last user of the stage is root");
        }
    }
}
