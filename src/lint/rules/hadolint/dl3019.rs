//! apk add without --no-cache.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3019",
    name: "apk-cache",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "An `apk add` that keeps its index.",
        why: "The index of the repositories stays in the layer and is stale the next time it is looked at.",
        example: "FROM alpine:3.20\nRUN apk add curl=~8.9\n",
        instead: "FROM alpine:3.20\nRUN apk add --no-cache curl=~8.9\n",
        references: &["https://wiki.alpinelinux.org/wiki/Local_APK_cache"],
    },
    check,
    cases: "
=== fires at 2:9, 3:22: removing the index afterwards is no help
FROM alpine:3.20
RUN apk add a=1 && rm -rf /var/cache/apk/*
ONBUILD RUN apk -U   add a=1
--- fixed
FROM alpine:3.20
RUN apk add --no-cache a=1 && rm -rf /var/cache/apk/*
ONBUILD RUN apk -U   add --no-cache a=1

=== clean: the flag, or a mount
FROM alpine:3.20
RUN apk --no-cache add a=1
RUN --mount=type=cache,target=/var/cache/apk/ apk add a=1
RUN apk update
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        let Some(add) = command.word("add").filter(|_| command.is("apk")) else {
            continue;
        };
        if command.has_flag(&["no-cache"]) || run.has_mount(&["cache", "tmpfs"], |path| path == "/var/cache/apk") {
            continue;
        }
        let message = "`apk add` leaves the index of its repositories in the image";
        let finding = findings.add(run.instruction, add.span, message);
        finding.fix = support::add_word(document, run, Some(add), "--no-cache");
    }
}
