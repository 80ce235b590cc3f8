//! A key for all repositories.

use super::common::commands;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV311",
    name: "deprecated-apt-key",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A key added, or anything else done, with `apt-key`.",
        why: "It is gone from current releases, and a key added with it is trusted for every repository, not for its own only.",
        example: "FROM debian:12\nRUN curl -f https://example.org/key | apt-key add -\n",
        instead: "FROM debian:12\nADD https://example.org/key.asc /etc/apt/keyrings/\nRUN echo 'deb [signed-by=/etc/apt/keyrings/key.asc] https://example.org stable main' > /etc/apt/sources.list.d/x.list\n",
        references: &["https://manpages.debian.org/bookworm/apt/apt-key.8.en.html"],
    },
    check,
    cases: "
=== fires at 2:5, 3:42: by any way
FROM debian:12
RUN apt-key adv --keyserver keys.example.org --recv-keys 0123
RUN curl -fsSL https://example.org/key | apt-key add -

=== clean: a keyring
FROM debian:12
RUN gpg --dearmor -o /etc/apt/keyrings/x.gpg key
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in commands(document).filter(|(_, command)| command.is("apt-key")) {
        findings
            .add(run.instruction, command.span, "`apt-key` is gone from current releases")
            .help("put the key into `/etc/apt/keyrings` and name it with `signed-by`");
    }
}
