//! dnf install without -y.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3038",
    name: "dnf-without-yes",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `dnf` command that installs something and that nothing tells to go ahead without asking.",
        why: "Nobody answers while an image is built, so the step ends at the first question.",
        example: "FROM fedora:41\nRUN dnf install curl\n",
        instead: "FROM fedora:41\nRUN dnf install -y curl\n",
        references: &["https://docs.fedoraproject.org/en-US/quick-docs/dnf/"],
    },
    check,
    cases: "
=== fires at 2:9, 3:22: whatever is installed
FROM fedora:41
RUN dnf install a
ONBUILD RUN microdnf groupinstall b -q && c
--- fixed
FROM fedora:41
RUN dnf install -y a
ONBUILD RUN microdnf groupinstall -y b -q && c

=== clean: all ways to say yes, and commands that are not looked at
FROM fedora:41
RUN dnf install -y a; microdnf -y install a; dnf --assumeyes groupinstall a; dnf upgrade; dnf in a
",
};

const ASKS: &[&str] = &["install", "groupinstall", "localinstall"];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !command.is_any(&["dnf", "microdnf"]) || command.has_flag(&["y", "assumeyes"]) {
            continue;
        }
        let Some(word) = command.words.iter().find(|word| ASKS.contains(&&*word.text)) else {
            continue;
        };
        let message = format!("`dnf {}` would ask before it goes on", word.text);
        let finding = findings.add(run.instruction, word.span, message);
        finding.fix = support::add_word(document, run, Some(word), "-y");
    }
}
