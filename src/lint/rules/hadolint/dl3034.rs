//! zypper without -n.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3034",
    name: "zypper-without-yes",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `zypper` command that installs something and that nothing tells to go ahead without asking.",
        why: "Nobody answers while an image is built, so the step ends at the first question.",
        example: "FROM opensuse/leap:15.6\nRUN zypper install curl\n",
        instead: "FROM opensuse/leap:15.6\nRUN zypper -n install curl\n",
        references: &["https://en.opensuse.org/SDB:Zypper_manual"],
    },
    check,
    cases: "
=== fires at 2:12, 3:20: whatever is installed
FROM opensuse/leap:15.6
RUN zypper install a
ONBUILD RUN zypper in b -q && c
--- fixed
FROM opensuse/leap:15.6
RUN zypper -n install a
ONBUILD RUN zypper -n in b -q && c

=== clean: all ways to say yes, and commands that are not looked at
FROM opensuse/leap:15.6
RUN zypper -n in a; zypper in -y a; zypper --non-interactive rm a; zypper in --no-confirm a; zypper update
",
};

const ASKS: &[&str] = &["install", "in", "remove", "rm", "source-install", "si", "patch"];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !command.is("zypper") || command.has_flag(&["n", "non-interactive", "no-confirm", "y"]) {
            continue;
        }
        let Some(word) = command.words.iter().find(|word| ASKS.contains(&&*word.text)) else {
            continue;
        };
        let message = format!("`zypper {}` would ask before it goes on", word.text);
        let finding = findings.add(run.instruction, word.span, message);
        finding.fix = support::add_word(document, run, command.name.as_ref(), "-n");
    }
}
