//! Caches of zypper left behind.

use super::support;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3036",
    name: "zypper-cache",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `zypper install` that is not followed by `zypper clean` in the same `RUN`.",
        why: "What zypper downloaded stays in the layer, though nothing reads it again.",
        example: "FROM opensuse/leap:15.6\nRUN zypper -n install curl=8.0\n",
        instead: "FROM opensuse/leap:15.6\nRUN zypper -n install curl=8.0 && zypper clean\n",
        references: &["https://en.opensuse.org/SDB:Zypper_manual"],
    },
    check,
    cases: "
=== fires at 2:5, 3:27: not cleaned, or too early
FROM opensuse/leap:15.6
RUN zypper -n in a=1; rm -rf /var/cache/zypp
ONBUILD RUN zypper clean; zypper -n install a=1
--- fixed
FROM opensuse/leap:15.6
RUN zypper -n in a=1 && zypper clean; rm -rf /var/cache/zypp
ONBUILD RUN zypper clean; zypper -n install a=1

=== clean: cleaned or mounted
FROM opensuse/leap:15.6
RUN zypper -n in a=1 && zypper cc
RUN --mount=type=cache,target=/var/cache/zypp zypper -n in a=1
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs() {
        let installs = |command: &Command| command.is("zypper") && command.has_any_word(&["install", "in"]);
        let cleans = |command: &Command| command.is("zypper") && command.has_any_word(&["clean", "cc"]);
        if run.has_mount(&["cache", "tmpfs"], |path| path == "/var/cache/zypp") {
            continue;
        }
        if let Some(command) = support::not_cleaned(run, installs, cleans) {
            let message = "what zypper downloaded stays in the image";
            let finding = findings.add(run.instruction, command.span, message);
            finding.help("end the `RUN` with `zypper clean`, or mount a cache on `/var/cache/zypp`");
            support::fix_by(finding, run, command, "zypper clean");
        }
    }
}
