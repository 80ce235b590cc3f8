//! useradd with a high number and its sparse files.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3046",
    name: "useradd-high-uid",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `useradd` with a user number of six or more digits and without `--no-log-init`.",
        why: "It writes an entry at that number into `/var/log/lastlog` and `faillog`; a file that is mostly hole \
              on disk becomes gigabytes of zeroes in a layer.",
        example: "FROM debian:12\nRUN useradd -u 1000001 ada\n",
        instead: "FROM debian:12\nRUN useradd --no-log-init -u 1000001 ada\n",
        references: &["https://docs.docker.com/build/building/best-practices/#user"],
    },
    check,
    cases: "
=== fires at 2:16, 3:25: with the short flag
FROM debian:12
RUN useradd -u 123456 ada
ONBUILD RUN useradd -mu $UID ada
--- fixed
FROM debian:12
RUN useradd -l -u 123456 ada
ONBUILD RUN useradd -l -mu $UID ada

=== clean: a lower number, or no log
FROM debian:12
RUN useradd -u 12345 ada && useradd -lu 123456 ada && useradd -u 123456 --no-log-init ada && useradd --uid 123456 ada
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !command.is("useradd") || command.has_flag(&["l", "no-log-init"]) {
            continue;
        }
        let numbers = command.flags().filter(|flag| flag.name == "u" && flag.value.is_none());
        let high = numbers
            .filter_map(|flag| command.words.get(flag.at + 1))
            .find(|number| support::braced(&number.text).chars().count() > 5);
        if let Some(number) = high {
            let message = format!("user number `{}` makes huge log files", number.text);
            let finding = findings.add(run.instruction, number.span, message);
            finding.fix = support::add_word(document, run, command.name.as_ref(), "-l");
        }
    }
}
