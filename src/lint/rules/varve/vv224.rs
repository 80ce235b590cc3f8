//! A whole history cloned.

use super::common::{kept_runs, verb};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV224",
    name: "full-clone",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `git clone` of the image without `--depth`, whose `.git` is left.",
        why: "The history is often many times larger than the files, and no program reads it.",
        example: "FROM debian:12\nRUN git clone https://example.org/x.git /opt/x\n",
        instead: "FROM debian:12\nADD https://example.org/x.git#v1.2 /opt/x\n",
        references: &[
            "https://git-scm.com/docs/git-clone",
            "https://docs.docker.com/reference/dockerfile/#add",
        ],
    },
    check,
    cases: "
=== fires at 2:5, 3:14: whole histories
FROM debian:12
RUN git clone https://example.org/x.git /opt/x
RUN cd /opt; git clone -b v1 https://example.org/y.git

=== clean: little history, none of it left, or another stage
FROM debian:12 AS build
RUN git clone https://example.org/x.git
FROM debian:12
RUN git clone --depth=1 https://example.org/x.git && git clone --depth 1 https://example.org/y.git
RUN git clone https://example.org/x.git && rm -rf x/.git
RUN git clone https://example.org/x.git && make -C x install && rm -r x

=== clean: other commands
FROM debian:12
RUN git pull && git submodule update

=== clean: into memory
FROM debian:12
RUN --mount=type=tmpfs,target=/src git clone https://example.org/x.git /src
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in kept_runs(document) {
        let removes = run
            .commands()
            .iter()
            .any(|command| command.is("rm") && command.has_flag(&["r", "R", "recursive"]));
        if removes || run.has_mount(&["cache", "tmpfs"], |_| true) {
            continue;
        }
        for command in run.commands() {
            let shallow = ["depth", "shallow-since", "shallow-exclude"];
            if command.is("git") && verb(command) == "clone" && !command.has_flag(&shallow) {
                findings
                    .add(run.instruction, command.span, "this brings the whole history")
                    .help("clone with `--depth=1`, or let `ADD` fetch the repository, which leaves `.git` out");
            }
        }
    }
}
