//! wget with its whole progress bar.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3047",
    name: "wget-progress",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `wget` that draws its progress bar.",
        why: "Without a terminal the bar becomes thousands of lines in the log of the build, and what matters drowns.",
        example: "FROM debian:12\nRUN wget https://example.org/a\n",
        instead: "FROM debian:12\nRUN wget --progress=dot:giga https://example.org/a\n",
        references: &["https://www.gnu.org/software/wget/manual/wget.html#index-progress-indicator"],
    },
    check,
    cases: "
=== fires at 2:5, 3:28: as GNU's wget does
FROM debian:12
RUN wget -O a https://example.org/a
ONBUILD RUN x=1 && y=$(A=b wget -nvx z)
--- fixed
FROM debian:12
RUN wget --progress=dot:giga -O a https://example.org/a
ONBUILD RUN x=1 && y=$(A=b wget --progress=dot:giga -nvx z)

=== fires on 2: BusyBox does not know the option
FROM alpine:3.20
RUN wget https://example.org/a
--- fixed
FROM alpine:3.20
RUN wget https://example.org/a

=== clean: quiet, in few words, or into a file
FROM debian:12
RUN wget -qO- a; wget --quiet a; wget -nv a; wget --no-verbose a; wget --progress=dot a; wget -o log a; wget -a log a
",
};

const QUIET: &[&str] = &[
    "progress",
    "q",
    "quiet",
    "no-verbose",
    "o",
    "output-file",
    "a",
    "append-output",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    let busybox = support::busybox(document);
    for (run, command) in support::commands(document) {
        let Some(name) = command.name.as_ref().filter(|name| name.text == "wget") else {
            continue;
        };
        if command.has_flag(QUIET) || command.has_word("-nv") {
            continue;
        }
        let finding = findings.add(
            run.instruction,
            name.span,
            "the progress of `wget` fills the log of the build",
        );
        finding.help("`--progress=dot:giga` shows a few dots, `-nv` one line per file");
        // BusyBox has another wget, which does not know the option.
        let wrapped = command.span.start < name.span.start && command.assignments.is_empty();
        if !wrapped && !run.stage.is_some_and(|stage| busybox[stage]) {
            finding.fix = support::add_word(document, run, Some(name), "--progress=dot:giga");
        }
    }
}
