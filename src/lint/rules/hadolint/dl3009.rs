//! Package lists of apt left behind.

use super::support;
use crate::lint::{Command, Docs, Document, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3009",
    name: "apt-lists-kept",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "An `update` of apt whose package lists are still there when the `RUN` ends.",
        why: "The lists are tens of megabytes that the image carries around, and they are stale by the time anyone \
              reads them.",
        example: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl=7.88.1-10\n",
        instead: "FROM debian:12\nRUN apt-get update && apt-get install -y --no-install-recommends curl=7.88.1-10 && rm -rf /var/lib/apt/lists/*\n",
        references: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
    },
    check,
    cases: "
=== fires at 2:5, 3:13: nothing removed
FROM debian:12
RUN apt-get update && apt-get install -y curl > /log
ONBUILD RUN apt update
--- fixed
FROM debian:12
RUN apt-get update && apt-get install -y curl > /log && rm -rf /var/lib/apt/lists/*
ONBUILD RUN apt update && rm -rf /var/lib/apt/lists/*

=== fires on 2: one of two mounts, or others
FROM debian:12
RUN --mount=type=cache,target=/var/lib/apt --mount=type=bind,target=/var/cache/apt apt-get update | cat

=== fires on 2, 4: in a stage that another builds on
FROM debian:12 AS one
RUN apt-get update
FROM alpine:3.20
RUN apt-get update
FROM alpine:3.20
FROM one:1

=== fires on 2: for another build, whatever becomes of the stage
FROM debian:12 AS one
ONBUILD RUN apt-get update
FROM debian:12
--- fixed
FROM debian:12 AS one
ONBUILD RUN apt-get update && rm -rf /var/lib/apt/lists/*
FROM debian:12

=== clean: removed, mounted, or in a stage that is thrown away
FROM debian:12 AS one
RUN apt-get update
FROM debian:12
RUN apt-get update && rm -rf /var/lib/apt/lists/*
RUN --mount=type=cache,target=/var/lib/apt/lists apt-get update
RUN --mount=type=cache,target=/var/lib/apt/ --mount=type=tmpfs,dst=/var/cache/apt apt-get update
",
};

const LISTS: &str = "/var/lib/apt/lists";

fn check(document: &Document<'_>, findings: &mut Findings) {
    let kept = support::kept(document);
    for run in document.runs() {
        let Some(command) = run.commands().iter().find(|command| updates(command)) else {
            continue;
        };
        let mounted = |path: &str| run.has_mount(&["cache", "tmpfs"], |target| target == path);
        let is_removed = run.commands().iter().any(removes_lists);
        if is_removed
            || mounted(LISTS)
            || (mounted("/var/lib/apt") && mounted("/var/cache/apt"))
            || support::is_thrown_away(&kept, run)
        {
            continue;
        }
        let message = format!("the package lists in `{LISTS}` stay in the image");
        let finding = findings.add(run.instruction, command.span, message);
        finding.help("remove them in the same `RUN`, or mount a cache there");
        if let Some(edit) = run
            .commands()
            .last()
            .filter(|last| last.after.is_none())
            .and_then(|last| run.add_command(last, "rm -rf /var/lib/apt/lists/*"))
        {
            finding.fix(Fix::unsafe_("remove the lists in the same `RUN`", vec![edit]));
        }
    }
}

fn updates(command: &Command) -> bool {
    command.is_any(&["apt", "apt-get", "aptitude"]) && command.has_word("update")
}

fn removes_lists(command: &Command) -> bool {
    command.is("rm") && command.has_any_word(&["-rf", "/var/lib/apt/lists/*"])
}
