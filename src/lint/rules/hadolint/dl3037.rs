//! zypper install without versions.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3037",
    name: "unpinned-zypper-packages",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A package of `zypper install` without a version.",
        why: "The step gives other software tomorrow than today, and a cached layer hides that it would.",
        example: "FROM opensuse/leap:15.6\nRUN zypper -n install curl\n",
        instead: "FROM opensuse/leap:15.6\nRUN zypper -n install curl=8.0\n",
        references: &["https://en.opensuse.org/SDB:Zypper_manual"],
    },
    check,
    cases: "
=== fires at 2:23, 3:27: the first package without a version
FROM opensuse/leap:15.6
RUN zypper -n install curl
ONBUILD RUN zypper in a=1 $b

=== clean: versions and files
FROM opensuse/leap:15.6
RUN zypper -n in a=1 'b>2' 'c<=3' d.rpm; zypper rm e
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !command.is("zypper") || !command.has_any_word(&["install", "in"]) {
            continue;
        }
        let is_pinned = |package: &str| package.contains(['=', '<', '>']) || package.ends_with(".rpm");
        let packages: Vec<_> = command
            .arguments()
            .filter(|word| !matches!(&*word.text, "install" | "in") && !is_pinned(&word.text))
            .collect();
        support::unpinned(findings, run, &packages, "curl=8.0");
    }
}
