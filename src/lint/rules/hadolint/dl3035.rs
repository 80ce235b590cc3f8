//! zypper dist-upgrade.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3035",
    name: "zypper-dist-upgrade",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An upgrade of the whole distribution by `zypper`.",
        why: "It turns the base image into another release, so that the tag in `FROM` no longer says what the \
              image holds.",
        example: "FROM opensuse/leap:15.5\nRUN zypper -n dup\n",
        instead: "FROM opensuse/leap:15.6\n",
        references: &["https://en.opensuse.org/SDB:Zypper_manual"],
    },
    check,
    cases: "
=== fires at 2:15, 3:20: by both names
FROM opensuse/leap:15.5
RUN zypper -n dup
ONBUILD RUN zypper dist-upgrade

=== clean: the packages of this release
FROM opensuse/leap:15.5
RUN zypper -n up
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document).filter(|(_, command)| command.is("zypper")) {
        let upgrade = command
            .words
            .iter()
            .find(|word| matches!(&*word.text, "dist-upgrade" | "dup"));
        if let Some(word) = upgrade {
            let message = format!("`zypper {}` makes another release of the base image", word.text);
            findings
                .add(run.instruction, word.span, message)
                .help("name the newer release in `FROM`");
        }
    }
}
