//! An argument that changes often, above expensive steps.

use super::common::{is_volatile, runs_of};
use crate::dockerfile::{Body, Instruction, Keyword};
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV211",
    name: "early-changing-argument",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `ARG` or `ENV` named after a commit, a time or a number of a build, with a costly `RUN` between it and the first step that uses it.",
        why: "An `ARG` is part of the environment of every `RUN` below it. With a new value all of them run again, those too that never look at it.",
        example: "FROM debian:12\nARG GIT_COMMIT\nRUN apt-get update && apt-get install -y curl\nRUN echo $GIT_COMMIT >/version\n",
        instead: "FROM debian:12\nRUN apt-get update && apt-get install -y curl\nARG GIT_COMMIT\nRUN echo $GIT_COMMIT >/version\n",
        references: &["https://docs.docker.com/reference/dockerfile/#impact-on-build-caching"],
    },
    check,
    cases: "
=== fires at 2:5: used by a later step
FROM debian:12
ARG GIT_COMMIT=unknown
RUN apt-get update && apt-get install -y curl
RUN echo \"$GIT_COMMIT\" >/version

=== fires at 3:5, 4:5: handed on as a variable and as a label
FROM node:22
WORKDIR /app
ARG BUILD_DATE
ENV BUILD_DATE=$BUILD_DATE
LABEL date=$BUILD_DATE
RUN npm ci

=== clean: below what is expensive, and used at once
FROM debian:12
RUN apt-get update && apt-get install -y curl
ARG GIT_COMMIT
RUN git clone https://example.org/x && git checkout ${GIT_COMMIT}
RUN make

=== clean: what does not change often, what is there to change, before FROM
ARG BUILD_DATE
FROM debian:12
ARG NODE_VERSION=22 TINI_SHA=1
ARG CACHE_BUST
RUN apt-get update && apt-get install -y curl
RUN echo $NODE_VERSION $CACHE_BUST

=== clean: nothing expensive below
FROM debian:12
ARG GIT_SHA
RUN mkdir /x
RUN echo $GIT_SHA >/x/y
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        for (index, instruction) in stage.range.clone().zip(document.instructions_of(stage)) {
            let (Some(Keyword::Arg | Keyword::Env), Body::Pairs { pairs, .. }) =
                (instruction.keyword, &instruction.body)
            else {
                continue;
            };
            for pair in pairs {
                let name = words::unquoted(&pair.key.text);
                let value = pair.value.as_ref().map_or("", |value| value.text.as_str());
                // A variable with a fixed value changes with the file alone.
                let fixed = instruction.keyword == Some(Keyword::Env) && !value.contains('$');
                if !is_volatile(name) || fixed {
                    continue;
                }
                let rest = &document.instructions()[index + 1..stage.range.end];
                let used = rest
                    .iter()
                    .position(|other| does_something(other) && mentions(other, name));
                let used = used.map_or(stage.range.end, |at| index + 1 + at);
                let costly = runs_of(document, stage)
                    .filter(|run| (index + 1..used).contains(&run.index))
                    .find(|run| run.commands().iter().any(is_costly));
                if let Some(run) = costly {
                    let line = run.instruction.lines.0;
                    findings
                        .add(
                            instruction,
                            pair.key.span,
                            format!("line {line} runs again whenever `{name}` changes, and has no use for it"),
                        )
                        .help("move it down to where it is used");
                }
            }
        }
    }
}

/// Whether an instruction makes files.
fn does_something(instruction: &Instruction) -> bool {
    matches!(
        instruction.keyword,
        Some(Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Workdir)
    )
}

fn mentions(instruction: &Instruction, name: &str) -> bool {
    let holds = |text: &str| {
        text.match_indices(name).any(|(at, _)| {
            let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !text[..at].ends_with(part) && !text[at + name.len()..].starts_with(part)
        })
    };
    holds(&instruction.text) || instruction.heredocs.iter().any(|heredoc| holds(&heredoc.raw_body))
}

fn is_costly(command: &Command) -> bool {
    command.is_any(&[
        "apk", "apt", "apt-get", "bundle", "cargo", "cmake", "composer", "conda", "curl", "dnf", "dotnet", "gem",
        "git", "go", "gradle", "make", "microdnf", "mvn", "npm", "pip", "pip3", "pnpm", "poetry", "uv", "wget", "yarn",
        "yum", "zypper",
    ])
}
