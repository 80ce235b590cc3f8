//! A service started while building.

use crate::lint::shell::{Command, Link};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV307",
    name: "started-daemon",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` that starts a service, or leaves a process in the background when it ends.",
        why: "Processes end with the step. The image holds files only, and the container starts with its own command alone.",
        example: "FROM debian:12\nRUN service nginx start\n",
        instead: "FROM debian:12\nCMD [\"nginx\", \"-g\", \"daemon off;\"]\n",
        references: &["https://docs.docker.com/build/building/best-practices/#create-ephemeral-containers"],
    },
    check,
    cases: "
=== fires at 2:5, 3:5, 4:5: by any manager
FROM debian:12
RUN service mysql start
RUN systemctl enable --now nginx
RUN /etc/init.d/ssh restart

=== fires at 2:5: left in the background
FROM debian:12
RUN redis-server &

=== clean: started for the step, and other verbs
FROM debian:12
RUN service mysql start && mysql -e 'CREATE DATABASE x' && service mysql stop
RUN redis-server & sleep 1; redis-cli ping
RUN systemctl enable nginx
",
};

fn starts(command: &Command) -> bool {
    let has = |verbs: &[&str]| command.has_any_word(verbs);
    let name = command.name.as_ref().map_or("", |name| name.text.as_str());
    match name {
        "service" | "rc-service" => has(&["start", "restart"]),
        "systemctl" => has(&["start", "restart"]) || (has(&["enable"]) && command.has_flag(&["now"])),
        _ => name.starts_with("/etc/init.d/") && has(&["start", "restart"]),
    }
}

fn check(document: &Document<'_>, findings: &mut Findings) {
    const MESSAGE: &str = "this ends with the step, and does not run in the container";
    for run in document.runs() {
        // With other commands beside it, it may well be there for them.
        let [command] = run.commands() else {
            let mut all = run.commands().iter();
            if let Some(command) = run.commands().first().filter(|_| all.all(starts)) {
                findings.add(run.instruction, command.span, MESSAGE);
            }
            continue;
        };
        if starts(command) || command.after == Some(Link::Background) {
            findings.add(run.instruction, command.span, MESSAGE);
        }
    }
}
