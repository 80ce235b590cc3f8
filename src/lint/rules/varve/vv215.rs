//! A package that is for people, not for programs.

use super::common::{installed, kept_runs, kept_stages, package_name};
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV215",
    name: "needless-package",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An editor, documentation, or a tool to look around with that is installed in the stage that is built.",
        why: "Nobody should need to work inside of a container that is thrown away afterwards. The packages cost size, and give an intruder tools.",
        example: "FROM debian:12\nRUN apt-get update && apt-get install -y nginx vim\n",
        instead: "FROM debian:12\nRUN apt-get update && apt-get install -y nginx\n",
        references: &[
            "https://docs.docker.com/build/building/best-practices/#dont-install-unnecessary-packages",
            "https://docs.docker.com/build/building/best-practices/#create-ephemeral-containers",
        ],
    },
    check,
    cases: "
=== fires at 2:48, 2:58: editors and documentation
FROM debian:12
RUN apt-get update && apt-get install -y nginx vim=2:9.0 nginx-doc

=== fires at 2:24: of alpine
FROM alpine:3
RUN apk add --no-cache nano

=== clean: another stage, or another kind of package
FROM debian:12 AS build
RUN apt-get install -y vim man-db
FROM debian:12
RUN apt-get install -y curl vimium manpages-x doc less

=== clean: what the container is for
FROM alpine:3
RUN apk add --no-cache emacs
ENTRYPOINT [\"emacs\", \"-nw\"]

=== clean: a name that holds another
FROM fedora:41
RUN dnf -y install nanomsg emacs-filesystem
",
};

const PACKAGES: [&str; 25] = [
    "bash-completion",
    "byobu",
    "command-not-found",
    "emacs",
    "emacs-nox",
    "htop",
    "iotop",
    "joe",
    "man",
    "man-db",
    "man-pages",
    "mandoc",
    "manpages",
    "manpages-dev",
    "mc",
    "mlocate",
    "nano",
    "ncdu",
    "neovim",
    "screen",
    "tmux",
    "vim",
    "vim-enhanced",
    "vim-nox",
    "vim-tiny",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    let started: Vec<&str> = kept_stages(document)
        .into_iter()
        .flat_map(|stage| document.instructions_of(stage))
        .filter(|instruction| matches!(instruction.keyword, Some(Keyword::Cmd | Keyword::Entrypoint)))
        .flat_map(|instruction| instruction.rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-'))
        .collect();
    for run in kept_runs(document) {
        for command in run.commands() {
            for package in installed(command).unwrap_or_default() {
                let name = package_name(&package.text);
                let is_documentation = name.len() > 4 && (name.ends_with("-doc") || name.ends_with("-docs"));
                // What the container is there to run is needed.
                if (is_documentation || PACKAGES.contains(&name)) && !started.contains(&name) {
                    findings.add(
                        run.instruction,
                        package.span,
                        format!("`{name}` is for people, and a container has none"),
                    );
                }
            }
        }
    }
}
