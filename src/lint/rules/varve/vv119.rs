//! A user who may become root at will.

use super::common::commands;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV119",
    name: "sudo-without-password",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A rule for sudo with `NOPASSWD`.",
        why: "It makes the user root in all but name, so that setting `USER` protects nothing.",
        example: "FROM debian:12\nRUN echo 'app ALL=(ALL) NOPASSWD:ALL' >> /etc/sudoers\n",
        instead: "FROM debian:12\nRUN useradd -lm app\nUSER app\n",
        references: &["https://docs.docker.com/build/building/best-practices/#user"],
    },
    check,
    cases: "
=== fires at 2:10, 3:12: written by hand
FROM debian:12
RUN echo 'app ALL=(ALL) NOPASSWD:ALL' >> /etc/sudoers
RUN printf \"%s\\n\" \"app ALL=(ALL) NOPASSWD: ALL\" | tee /etc/sudoers.d/app

=== clean: the word elsewhere
FROM debian:12
RUN grep -r NOPASSWD /etc/sudoers || true
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in commands(document) {
        if !command.is_any(&["echo", "printf", "sed"]) {
            continue;
        }
        let rule = command.words.iter().find(|word| word.text.contains("NOPASSWD"));
        if let Some(word) = rule {
            let whole = if command.is("printf") {
                command.words.first().unwrap_or(word)
            } else {
                word
            };
            findings.add(run.instruction, whole.span, "this user becomes root without a password");
        }
    }
}
