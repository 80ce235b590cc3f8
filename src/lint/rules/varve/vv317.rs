//! A container with several programs.

use super::common::{commands, file_name, installed, package_name};
use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV317",
    name: "several-services",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A process manager is installed or started, or a command starts several programs side by side.",
        why: "One program to a container can be scaled, updated, limited and watched alone, and its end is the container's end.",
        example: "FROM debian:12\nCMD [\"supervisord\", \"-n\"]\n",
        instead: "FROM debian:12\nCMD [\"server\"]\n",
        references: &["https://docs.docker.com/build/building/best-practices/#decouple-applications"],
    },
    check,
    cases: "
=== fires at 2:6, 3:28: managers
FROM debian:12
CMD [\"/usr/bin/supervisord\", \"-n\"]
RUN apt-get install -y x=1 supervisor

=== fires at 2:5: by hand
FROM debian:12
CMD nginx & exec php-fpm

=== clean: one program, and a wrapper that only waits for it
FROM debian:12
ENTRYPOINT [\"tini\", \"--\", \"server\"]
CMD server --a && true
RUN make & wait
",
};

const MANAGERS: [&str; 6] = ["supervisord", "supervisor", "s6-svscan", "runsvdir", "monit", "circusd"];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, instruction) in document.instructions_and_triggers() {
        if !matches!(instruction.keyword, Some(Keyword::Cmd | Keyword::Entrypoint)) {
            continue;
        }
        match &instruction.body {
            Body::Json(words) => {
                if let Some(word) = words.first().filter(|word| MANAGERS.contains(&file_name(&word.text))) {
                    findings.add(
                        outer,
                        word.span,
                        format!("`{}` runs several programs in one container", file_name(&word.text)),
                    );
                }
            }
            Body::Shell(word) => {
                let first = word
                    .text
                    .split_whitespace()
                    .find(|word| *word != "exec")
                    .unwrap_or_default();
                let beside = word.text.replace("&&", "").replace(">&", "").replace("&>", "");
                if MANAGERS.contains(&file_name(first)) || beside.trim_end().trim_end_matches('&').contains(" & ") {
                    findings.add(outer, word.span, "this runs several programs in one container");
                }
            }
            _ => {}
        }
    }
    for (run, command) in commands(document) {
        let python = command.is_any(&["pip", "pip3"]) && command.has_word("install");
        let mut packages = installed(command).unwrap_or_default();
        packages.extend(command.arguments().skip(1).filter(|_| python));
        for package in packages
            .iter()
            .filter(|package| matches!(package_name(&package.text), "supervisor" | "monit" | "circus"))
        {
            let name = package_name(&package.text);
            findings.add(
                run.instruction,
                package.span,
                format!("`{name}` runs several programs in one container"),
            );
        }
    }
}
