//! The whole context copied before dependencies are installed.

use super::common::{installed, is_whole_context, project_install, runs_of};
use crate::dockerfile::{Keyword, Word};
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV201",
    name: "source-before-dependencies",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `COPY` of the whole context above the installation of dependencies or packages in the same stage.",
        why: "Any changed file changes the copy, and everything below runs again. When only the files that name the dependencies are copied first, the installation is taken from the cache until those change.",
        example: "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci\n",
        instead: "FROM node:22\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\n",
        references: &[
            "https://docs.docker.com/build/cache/optimize/#order-your-layers",
            "https://docs.docker.com/build/building/best-practices/#leverage-build-cache",
        ],
    },
    check,
    cases: "
=== fires at 3:6: dependencies of a project
FROM node:22
WORKDIR /app
COPY . .
RUN npm ci --omit=dev

=== fires at 2:7: system packages, and only the first such copy
FROM debian:12
COPY [\"./\", \"/app/\"]
COPY . /again
RUN apt-get update && apt-get install -y gcc=4
RUN pip install -r /app/requirements.txt

=== fires at 3:5, 6:15: other languages, each stage by itself
FROM golang:1.25
WORKDIR /src
ADD . .
RUN cd /src && go mod download
FROM python:3.13
COPY --link   . /app
RUN python3 -m pip install --requirement=/app/requirements.txt

=== clean: the files that name the dependencies come first
FROM node:22
COPY package*.json ./
RUN npm ci
COPY . .
RUN npm ci --omit=dev && npm run build

=== clean: another stage's files, the context itself as a package, a cache mount
FROM python:3.13
COPY --from=build . /app
RUN pip install -r /app/requirements.txt
FROM python:3.13
COPY . /app
RUN pip install /app
FROM node:22
COPY . .
RUN --mount=type=cache,target=/root/.npm npm ci
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let copied = stage
            .range
            .clone()
            .zip(document.instructions_of(stage))
            .find_map(|(at, copy)| {
                let is_copy = matches!(copy.keyword, Some(Keyword::Copy | Keyword::Add));
                (is_copy && words::flag(copy, "from").is_none()).then_some(())?;
                let (sources, _) = words::copied(copy)?;
                let whole: &Word = sources.iter().find(|source| is_whole_context(&source.text))?;
                Some((at, copy, whole))
            });
        let Some((at, copy, source)) = copied else { continue };
        // What was installed before the copy may be installed again: most of it is there.
        let mut known: Vec<&str> = Vec::new();
        for run in runs_of(document, stage) {
            let installs = run
                .commands()
                .iter()
                .filter_map(|command| Some((program(command)?, command)));
            if run.index < at {
                known.extend(installs.map(|(program, _)| program));
                continue;
            }
            if run.has_mount(&["cache"], |_| true) {
                continue;
            }
            let first = installs
                .filter(|(program, _)| !known.contains(program))
                .find_map(|(_, command)| what_it_installs(command));
            if let Some(what) = first {
                let line = run.instruction.lines.0;
                findings
                    .add(
                        copy,
                        source.span,
                        format!("whichever file changes, {what} in line {line} runs again"),
                    )
                    .help("copy what it needs first, and the rest below it");
                break;
            }
        }
    }
}

fn program(command: &Command) -> Option<&str> {
    what_it_installs(command)?;
    command.name.as_ref().map(|name| name.text.as_str())
}

fn what_it_installs(command: &Command) -> Option<String> {
    if let Some(shown) = project_install(command) {
        return Some(format!("`{shown}`"));
    }
    let name = command.name.as_ref()?;
    let packages = installed(command).filter(|packages| !packages.is_empty())?;
    // A package of the context needs the context.
    let from_files = packages
        .iter()
        .any(|package| package.text.contains('/') || !package.literal);
    (!from_files).then(|| format!("the installation of packages by `{}`", name.text))
}
