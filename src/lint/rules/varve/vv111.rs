//! A container that one logs in to.

use super::common::{commands, file_name, installed, package_name};
use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV111",
    name: "ssh-server",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An SSH server is installed, started, or its port exposed.",
        why: "A container holds one program. To look inside there is `exec`, which needs no keys, no open port and no second process.",
        example: "FROM debian:12\nEXPOSE 22\n",
        instead: "FROM debian:12\nEXPOSE 8080\n",
        references: &["https://docs.docker.com/build/building/best-practices/#decouple-applications"],
    },
    check,
    cases: "
=== fires at 2:8, 3:28: port and package
FROM debian:12
EXPOSE 22/tcp 80
RUN apt-get install -y vim openssh-server

=== fires at 2:6: it is the command
FROM debian:12
CMD [\"/usr/sbin/sshd\", \"-D\"]

=== clean: clients and other ports
FROM debian:12
EXPOSE 2222 220-222
RUN apt-get install -y openssh-client
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, instruction) in document.instructions_and_triggers() {
        match instruction.keyword {
            Some(Keyword::Expose) => {
                for port in words::list(instruction) {
                    if matches!(
                        words::unquoted(&port.text).to_ascii_lowercase().as_str(),
                        "22" | "22/tcp"
                    ) {
                        findings.add(outer, port.span, "port 22 is that of an SSH server");
                    }
                }
            }
            Some(Keyword::Cmd | Keyword::Entrypoint) => {
                let first = match &instruction.body {
                    Body::Json(words) => words.first(),
                    Body::Shell(word) => Some(word),
                    _ => None,
                };
                let program = first.and_then(|word| Some((word, word.text.split_whitespace().next()?)));
                if let Some((word, _)) = program.filter(|(_, program)| file_name(program) == "sshd") {
                    findings.add(outer, word.span, "the container's program is an SSH server");
                }
            }
            _ => {}
        }
    }
    for (run, command) in commands(document) {
        for package in installed(command).unwrap_or_default() {
            if matches!(package_name(&package.text), "openssh-server" | "dropbear") {
                findings.add(
                    run.instruction,
                    package.span,
                    format!("`{}` is an SSH server", package_name(&package.text)),
                );
            }
        }
    }
}
