//! Commands that make no sense in a container.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3001",
    name: "interactive-command",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` of a command that manages a whole machine, such as `service`, `mount` or `ssh`.",
        why: "A container under construction has no init, no other processes and nobody at the keyboard: such a \
              command fails, or what it does is gone when the step ends.",
        example: "FROM debian:12\nRUN service nginx start\n",
        instead: "FROM debian:12\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n",
        references: &["https://docs.docker.com/reference/dockerfile/#run"],
    },
    check,
    cases: "
=== fires at 2:5, 3:27: by its name, anywhere in the text
FROM debian:12
RUN service nginx start
ONBUILD RUN if true; then 'vim' x; fi

=== clean: as an argument, behind a path or another command
FROM debian:12
RUN apt-get install -y vim=1 && /bin/ps && sudo ssh
",
};

const NAMES: &[&str] = &[
    "free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        let Some(name) = command.name.as_ref().filter(|_| command.is_any(NAMES)) else {
            continue;
        };
        let message = format!("`{}` does nothing of use while an image is built", name.text);
        findings.add(run.instruction, name.span, message);
    }
}
