//! Compilers left in the image.

use super::common::{installed, kept_runs, package_name, verb};
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, Run, State};

pub(super) static RULE: Rule = Rule {
    code: "VV207",
    name: "build-tools-in-image",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "A package of a compiler, of headers or of a build tool that is installed in the stage that is built and not removed in the same step.",
        why: "What only building needs makes the image larger, slower to pull and open to more attacks. A stage of its own keeps it out.",
        example: "FROM python:3.13-slim\nRUN apt-get update && apt-get install -y gcc libpq-dev && pip install psycopg2\n",
        instead: "FROM python:3.13 AS build\nRUN pip wheel -w /wheels psycopg2\nFROM python:3.13-slim\nRUN --mount=from=build,source=/wheels,target=/wheels pip install /wheels/*\n",
        references: &[
            "https://docs.docker.com/build/building/best-practices/#use-multi-stage-builds",
            "https://docs.docker.com/build/building/multi-stage/",
        ],
    },
    check,
    cases: "
=== fires at 2:44: the first of several
FROM debian:12
RUN apt-get update && apt-get install -y x gcc=4 libpq-dev make

=== fires at 2:24: in the stage that the last one begins with
FROM alpine:3 AS base
RUN apk add --no-cache build-base
FROM base
RUN true

=== clean: removed in the same step
FROM alpine:3
RUN apk add --no-cache --virtual .deps gcc musl-dev && pip install x && apk del .deps
RUN apk add --no-cache gcc && make && apk del gcc
RUN apt-get install -y gcc && make && apt-get purge -y --auto-remove gcc

=== clean: another stage, other packages
FROM debian:12 AS build
RUN apt-get update && apt-get install -y build-essential
FROM debian:12
RUN apt-get update && apt-get install -y libpq5 libgcc-s1 golang-docs-x maker
",
};

const TOOLS: [&str; 27] = [
    "autoconf",
    "automake",
    "bison",
    "build-base",
    "build-essential",
    "cargo",
    "clang",
    "cmake",
    "flex",
    "g++",
    "gcc",
    "gcc-c++",
    "golang",
    "golang-go",
    "gradle",
    "libtool",
    "linux-headers",
    "llvm",
    "make",
    "maven",
    "meson",
    "musl-dev",
    "nasm",
    "ninja-build",
    "pkg-config",
    "rustc",
    "yasm",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in kept_runs(document) {
        if removes(run) {
            continue;
        }
        for command in run.commands() {
            let packages = installed(command).unwrap_or_default();
            let tools: Vec<_> = packages
                .iter()
                .filter(|package| is_tool(package_name(&package.text)))
                .collect();
            let Some(first) = tools.first() else { continue };
            let name = package_name(&first.text);
            let message = match tools.len() {
                1 => format!("`{name}` is for building, and stays in the image"),
                2 => format!("`{name}` and another package are for building, and stay in the image"),
                more => format!(
                    "`{name}` and {} other packages are for building, and stay in the image",
                    more - 1
                ),
            };
            findings
                .add(run.instruction, first.span, message)
                .help("build in a stage of its own, and copy the result");
        }
    }
}

fn is_tool(name: &str) -> bool {
    TOOLS.contains(&name) || name.ends_with("-dev") || name.ends_with("-devel") || name.starts_with("linux-headers-")
}

/// Whether a RUN takes packages away again.
fn removes(run: &Run<'_>) -> bool {
    let removes = |command: &Command| {
        let verbs: &[&str] = match command.name.as_ref().map_or("", |name| name.text.as_str()) {
            "apk" => &["del"],
            "apt-get" | "apt" | "aptitude" => &["purge", "remove", "autoremove"],
            "yum" | "dnf" | "microdnf" | "tdnf" | "zypper" => &["remove", "rm", "erase", "autoremove", "history"],
            _ => return false,
        };
        verbs.contains(&verb(command))
    };
    run.commands().iter().any(removes)
}
