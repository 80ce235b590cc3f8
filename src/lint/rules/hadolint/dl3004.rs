//! sudo.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3004",
    name: "sudo",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` that calls `sudo`.",
        why: "Steps run as root unless `USER` says otherwise, so `sudo` adds nothing but a program that needs a \
              terminal, passes signals on badly and widens what can be attacked.",
        example: "FROM debian:12\nRUN sudo apt-get update && rm -rf /var/lib/apt/lists/*\n",
        instead: "FROM debian:12\nUSER root\nRUN apt-get update && rm -rf /var/lib/apt/lists/*\n",
        references: &["https://docs.docker.com/build/building/best-practices/#user"],
    },
    check,
    cases: "
=== fires at 2:11, 3:13: anywhere in the text
FROM debian:12
RUN ls && sudo ls
ONBUILD RUN sudo ls

=== clean: its package
FROM debian:12
RUN apt-get install -y sudo=1
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if let Some(name) = command.name.as_ref().filter(|name| name.text == "sudo") {
            findings
                .add(
                    run.instruction,
                    name.span,
                    "`sudo` in a build step; `USER` says who runs it",
                )
                .help("set `USER root` in front of the step and the other user behind it");
        }
    }
}
