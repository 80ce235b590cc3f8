//! A file removed in a later step than the one that brought it.

use super::common::{Directory, destinations, downloads, is_within, kept_stages, places, runs_of, verb};
use crate::dockerfile::Keyword;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, Run, State};

pub(super) static RULE: Rule = Rule {
    code: "VV208",
    name: "removed-in-later-step",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `rm` of something that an earlier instruction of the image copied, added or downloaded, or of package lists and caches that an earlier `RUN` filled.",
        why: "The removal hides the file and makes the image no smaller: the layer that holds it is still sent, stored and readable.",
        example: "FROM debian:12\nADD https://example.org/tool.tgz /tmp/\nRUN tar -xzf /tmp/tool.tgz -C /opt\nRUN rm /tmp/tool.tgz\n",
        instead: "FROM debian:12\nRUN --mount=type=bind,source=tool.tgz,target=/tmp/tool.tgz tar -xzf /tmp/tool.tgz -C /opt\n",
        references: &[
            "https://docs.docker.com/build/building/best-practices/#apt-get",
            "https://docs.docker.com/reference/dockerfile/#run---mount",
        ],
    },
    check,
    cases: "
=== fires at 4:8: an archive
FROM debian:12
ADD https://example.org/tool.tgz /tmp/
RUN tar -xzf /tmp/tool.tgz -C /opt
RUN rm /tmp/tool.tgz

=== fires at 4:26, 4:34: copied files, by pattern and by folder
FROM debian:12
WORKDIR /src
COPY a.sh tools /tmp/scripts/
RUN cd /tmp && ls; rm -r scripts /tmp/*

=== fires at 3:12, 4:5: lists and packages of another step
FROM debian:12
RUN apt-get update && apt-get install -y gcc=4
RUN rm -rf /var/lib/apt/lists/*
RUN apt-get clean

=== fires at 4:11: what a command downloaded, in the stage below
FROM debian:12 AS base
WORKDIR /work
RUN curl -fsSLO https://example.org/a.zip && wget -q -O b.zip https://example.org/b
RUN rm -f a.zip
FROM base
RUN true

=== clean: in the same step, or something else
FROM debian:12
COPY a /opt/a
RUN curl -o /tmp/x https://example.org/x && rm /tmp/x
RUN apt-get update && apt-get install -y gcc=4 && rm -rf /var/lib/apt/lists/* && apt-get clean
RUN rm -rf /opt/b /var/cache/x /opt/a.txt && apt-get clean

=== clean: a stage of which only files are taken
FROM debian:12 AS build
COPY . /src
RUN rm -rf /src
FROM debian:12
COPY --from=build /x /x
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    // Where something was brought, and by which line.
    let mut brought: Vec<(String, u32)> = Vec::new();
    let mut lists: Option<u32> = None;
    for stage in kept_stages(document) {
        let mut directory = Directory::of_stage(document, stage);
        let mut runs = runs_of(document, stage).peekable();
        for (index, instruction) in stage.range.clone().zip(document.instructions_of(stage)) {
            directory.see(instruction);
            let line = instruction.lines.0;
            if matches!(instruction.keyword, Some(Keyword::Copy | Keyword::Add)) {
                let new = destinations(instruction, &directory);
                brought.extend(new.into_iter().map(|path| (path, line)));
            }
            let Some(run) = runs.next_if(|run| run.index == index) else {
                continue;
            };
            let places = places(run, directory.clone());
            for (command, directory) in &places {
                removals(run, command, directory, &brought, lists, findings);
            }
            brought.extend(places.iter().flat_map(|(command, directory)| {
                downloads(command).into_iter().map(|path| (directory.path(&path), line))
            }));
            if fills_lists(run) {
                lists = Some(line);
            }
        }
    }
}

fn removals(
    run: &Run<'_>,
    command: &Command,
    directory: &Directory,
    brought: &[(String, u32)],
    lists: Option<u32>,
    findings: &mut Findings,
) {
    let updates_itself = run.commands().iter().any(fills);
    if let Some(line) = lists.filter(|_| !updates_itself)
        && is_cleaning(command)
        && run
            .commands()
            .iter()
            .all(|other| is_cleaning(other) || other.is_any(&["rm", "set"]))
    {
        let what = format!("what line {line} downloaded stays in the layer of that line");
        findings
            .add(run.instruction, command.span, what)
            .help("clean up in the step that fills the cache");
    }
    if !command.is_any(&["rm", "unlink"]) || run.has_mount(&["cache", "tmpfs", "bind"], |_| true) {
        return;
    }
    for argument in command.arguments() {
        let path = directory.path(&argument.text);
        let pattern = path.strip_suffix("/*");
        let is_list = pattern == Some("/var/lib/apt/lists") || path == "/var/lib/apt/lists";
        let line = if is_list {
            lists.filter(|_| !updates_itself)
        } else {
            // All that a pattern or a folder takes, or the very file.
            let folder = pattern.unwrap_or(&path);
            let takes = |known: &str| is_within(known, folder) && (pattern.is_none() || known != folder);
            brought
                .iter()
                .rev()
                .find(|(known, _)| takes(known))
                .map(|(_, line)| *line)
        };
        if let Some(line) = line {
            findings
                .add(
                    run.instruction,
                    argument.span,
                    format!("`{}` stays in the layer of line {line}", argument.text),
                )
                .help("remove it in the step that brings it, or hand it in with `RUN --mount=type=bind`");
        }
    }
}

fn fills(command: &Command) -> bool {
    command.is_any(&["apt-get", "apt", "aptitude"]) && matches!(verb(command), "update" | "install")
}

/// Whether a RUN leaves lists and archives of apt.
fn fills_lists(run: &Run<'_>) -> bool {
    let in_mount = run.has_mount(&["cache", "tmpfs"], |target| target.starts_with("/var/"));
    let cleaned = run
        .commands()
        .iter()
        .any(|command| command.is("rm") && command.words.iter().any(|word| word.text.contains("/var/lib/apt")));
    !in_mount && !cleaned && run.commands().iter().any(fills)
}

fn is_cleaning(command: &Command) -> bool {
    command.is_any(&["apt-get", "apt", "aptitude"]) && matches!(verb(command), "clean" | "autoclean")
}
