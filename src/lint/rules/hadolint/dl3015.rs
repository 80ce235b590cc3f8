//! apt-get install with recommended packages.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3015",
    name: "apt-get-recommends",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "An `apt-get install` that also installs what packages recommend.",
        why: "Recommended packages are not needed for anything to run; they make the image larger and give an \
              attacker more to work with.",
        example: "FROM debian:12\nRUN apt-get install -y curl=7.88.1-10\n",
        instead: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl=7.88.1-10\n",
        references: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
    },
    check,
    cases: "
=== fires at 2:13, 3:21: every time
FROM debian:12
RUN apt-get install -y curl=1
ONBUILD RUN apt-get install -oAPT::Install-Recommends=false -y curl=1
--- fixed
FROM debian:12
RUN apt-get install --no-install-recommends -y curl=1
ONBUILD RUN apt-get install --no-install-recommends -oAPT::Install-Recommends=false -y curl=1

=== clean: said as a flag or as a setting
FROM debian:12
RUN apt-get -y --no-install-recommends install curl=1
RUN apt-get -y -o APT::Install-Recommends=false install curl=1
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        let Some(install) = command.word("install").filter(|_| command.is("apt-get")) else {
            continue;
        };
        if command.has_flag(&["no-install-recommends"]) || command.has_word("APT::Install-Recommends=false") {
            continue;
        }
        let message = "`apt-get install` also installs what its packages recommend";
        let finding = findings.add(run.instruction, install.span, message);
        finding.fix = support::add_word(document, run, Some(install), "--no-install-recommends");
    }
}
