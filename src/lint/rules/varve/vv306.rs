//! A change that ends with its step.

use crate::diagnostic::Span;
use crate::lint::shell::{Command, Form};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV306",
    name: "lost-export",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` that only exports a variable, sources a file, changes the directory or sets the umask.",
        why: "Every `RUN` has a shell of its own. What it sets is gone when the next one begins.",
        example: "FROM debian:12\nRUN export VERSION=1\nRUN make\n",
        instead: "FROM debian:12\nENV VERSION=1\nRUN make\n",
        references: &["https://docs.docker.com/reference/dockerfile/#run"],
    },
    check,
    cases: "
=== fires at 2:5, 3:5, 4:5: nothing else is done
FROM debian:12
RUN export PATH=\"/app/bin:$PATH\"
RUN cd /app
RUN . /opt/venv/bin/activate && umask 022

=== clean: something is done with it
FROM debian:12
RUN export A=1 && make
RUN cd /app && make
RUN . ./env; make
RUN export A=1 > /dev/null; echo \"$A\" >> /etc/environment
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs().iter().filter(|run| run.form != Form::Exec) {
        let is_lost = |command: &Command| {
            command.is_any(&["export", "cd", "source", ".", "umask", "alias", "pushd", "ulimit"])
                || (command.name.is_none() && command.words.is_empty() && !command.assignments.is_empty())
        };
        let commands = run.commands();
        if !commands.is_empty() && commands.iter().all(is_lost) {
            let span = Span::new(commands[0].span.start, commands[commands.len() - 1].span.end);
            findings
                .add(run.instruction, span, "this is forgotten when the step ends")
                .help("use `ENV` or `WORKDIR`, or put it into the step that needs it");
        }
    }
}
