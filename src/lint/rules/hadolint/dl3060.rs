//! Caches of yarn left behind.

use super::support;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3060",
    name: "yarn-cache",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `yarn install` that is not followed by `yarn cache clean` in the same `RUN`.",
        why: "What yarn downloaded stays in the layer beside the modules that were made of it.",
        example: "FROM node:22\nRUN yarn install\n",
        instead: "FROM node:22\nRUN yarn install && yarn cache clean\n",
        references: &["https://classic.yarnpkg.com/en/docs/cli/cache"],
    },
    check,
    cases: "
=== fires at 2:5, 3:13: not cleaned
FROM node:22
RUN yarn install --frozen-lockfile
ONBUILD RUN yarn install && ls
--- fixed
FROM node:22
RUN yarn install --frozen-lockfile && yarn cache clean
ONBUILD RUN yarn install && yarn cache clean && ls

=== clean: cleaned, mounted, thrown away, or another command
FROM node:22
RUN yarn install
FROM node:22 AS one
RUN yarn install && yarn cache clean
RUN --mount=type=cache,target=/usr/local/share/.cache/yarn yarn install
RUN yarn add x; yarn
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let kept = support::kept(document);
    for run in document.runs() {
        let installs = |command: &Command| command.is("yarn") && command.has_word("install");
        let cleans = |command: &Command| command.is("yarn") && command.has_any_word(&["cache", "clean"]);
        let mounted = run.has_mount(&["cache", "tmpfs"], |path| path.contains(".cache/yarn"));
        if mounted || support::is_thrown_away(&kept, run) {
            continue;
        }
        if let Some(command) = support::not_cleaned(run, installs, cleans) {
            let message = "what yarn downloaded stays in the image";
            let finding = findings.add(run.instruction, command.span, message);
            finding.help("end the `RUN` with `yarn cache clean`, or mount a cache");
            support::fix_by(finding, run, command, "yarn cache clean");
        }
    }
}
