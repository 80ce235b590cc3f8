//! apt instead of apt-get.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3027",
    name: "apt-for-people",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `RUN` that calls `apt`.",
        why: "Options and output of `apt` are made for people at a terminal and may change from release to \
              release; those of `apt-get` and `apt-cache` stay.",
        example: "FROM debian:12\nRUN apt install -y curl=7.88.1-10\n",
        instead: "FROM debian:12\nRUN apt-get install -y curl=7.88.1-10\n",
        references: &[
            "https://manpages.debian.org/bookworm/apt/apt.8.en.html#SCRIPT_USAGE_AND_DIFFERENCES_FROM_OTHER_APT_TOOLS",
        ],
    },
    check,
    cases: "
=== fires at 2:5, 3:14, 4:5: and in the place of `apt` its sister
FROM debian:12
RUN apt -o a=b install -y curl=1 && x
ONBUILD RUN (apt search x)
RUN apt list
--- fixed
FROM debian:12
RUN apt-get -o a=b install -y curl=1 && x
ONBUILD RUN (apt-cache search x)
RUN apt list

=== clean: the others
FROM debian:12
RUN apt-get update; apt-cache search x; ls apt
",
};

/// Subcommands that `apt-get` has with the same meaning.
const SAME: &[&str] = &[
    "autoclean",
    "autoremove",
    "build-dep",
    "changelog",
    "clean",
    "dist-upgrade",
    "download",
    "install",
    "purge",
    "reinstall",
    "remove",
    "source",
    "update",
];

/// Those of `apt-cache`.
const OF_CACHE: &[&str] = &[
    "depends", "madison", "policy", "rdepends", "search", "show", "showpkg", "showsrc",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        let Some(name) = command.name.as_ref().filter(|name| name.text == "apt") else {
            continue;
        };
        let message = "`apt` is made for people at a terminal; scripts use `apt-get` or `apt-cache`";
        let finding = findings.add(run.instruction, name.span, message);
        let subcommand = command
            .arguments_but_values(&["o", "option", "t", "target-release", "c"])
            .next();
        let other = match subcommand.map(|word| word.text.as_str()) {
            Some(word) if SAME.contains(&word) => "apt-get",
            Some(word) if OF_CACHE.contains(&word) => "apt-cache",
            _ => continue,
        };
        if let Some(edit) = run.replace_word(document, name, other) {
            finding.fix(Fix::safe(format!("call `{other}`"), vec![edit]));
        }
    }
}
