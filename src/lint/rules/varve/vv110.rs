//! A password in a command.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV110",
    name: "written-password",
    family: Family::Varve,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A command that sets a user's password to something written in the Dockerfile.",
        why: "Everybody who can pull the image can read it in the history, and try it wherever the image runs.",
        example: "FROM debian:12\nRUN echo 'root:secret' | chpasswd\n",
        instead: "FROM debian:12\nRUN passwd --lock root\n",
        references: &["https://docs.docker.com/build/building/secrets/"],
    },
    check,
    cases: "
=== fires at 2:22, 3:5, 4:19: three ways
FROM debian:12
RUN echo \"app:app\" | chpasswd
RUN useradd -m -p '$6$hash' app
RUN echo secret | passwd --stdin root

=== fires at 2:5: in a file handed in
FROM debian:12
RUN chpasswd <<< \"root:root\"

=== clean: from a secret, a lock, and other commands' p
FROM debian:12
RUN --mount=type=secret,id=p chpasswd < /run/secrets/p
RUN --mount=type=secret,id=p cat /run/secrets/p | chpasswd
RUN passwd -l root && mkdir -p /x && useradd -m app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs() {
        for command in run.commands() {
            let is_fed = command.pipe.is_some_and(|pipe| {
                let mut others = run.commands().iter();
                others.any(|other| {
                    other.pipe.is_some_and(|it| it.id == pipe.id && it.at < pipe.at)
                        && other.is_any(&["echo", "printf"])
                })
            });
            let has_text = command
                .redirects
                .iter()
                .any(|redirect| redirect.operator.starts_with("<<"));
            let takes = command.is("chpasswd") || (command.is("passwd") && command.has_flag(&["stdin"]));
            let by_flag = command.is_any(&["useradd", "usermod", "groupadd"]) && command.has_flag(&["p", "password"]);
            if by_flag || (takes && (is_fed || has_text)) {
                findings
                    .add(
                        run.instruction,
                        command.span,
                        "this writes a password into the image and its history",
                    )
                    .help("users of a container need no password; if they do, take it from `--mount=type=secret`");
            }
        }
    }
}
