//! apt-get install without -y.

use super::support;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3014",
    name: "apt-get-without-yes",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "An `apt-get install` that nothing tells to go ahead without asking.",
        why: "Nobody answers while an image is built, so the step ends at the first question.",
        example: "FROM debian:12\nRUN apt-get install curl=7.88.1-10\n",
        instead: "FROM debian:12\nRUN apt-get install -y curl=7.88.1-10\n",
        references: &["https://manpages.debian.org/bookworm/apt/apt-get.8.en.html"],
    },
    check,
    cases: "
=== fires at 2:13, 4:3, 5:29: with the options in any place
FROM debian:12
RUN apt-get install curl=1 -q
RUN apt-get -o a=b \\
  install \\
  curl=1; ONBUILD=1 apt-get install git=1
--- fixed
FROM debian:12
RUN apt-get install -y curl=1 -q
RUN apt-get -o a=b \\
  install -y \\
  curl=1; ONBUILD=1 apt-get install -y git=1

=== fires on 2, 3: as JSON and inside of ONBUILD
FROM debian:12
RUN [\"apt-get\", \"install\", \"curl=1\"]
ONBUILD RUN x=$(apt-get install curl=1)
--- fixed
FROM debian:12
RUN [\"apt-get\", \"install\", \"-y\", \"curl=1\"]
ONBUILD RUN x=$(apt-get install -y curl=1)

=== clean: all ways to say yes
FROM debian:12
RUN apt-get install -fy a=1; apt-get --yes install a=1; apt-get install --assume-yes a=1
RUN apt-get -qq install a=1; apt-get -q -q install a=1; apt-get install a=1 --quiet --quiet; apt-get -q=2 install a=1
RUN apt-get remove a
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        let Some(install) = command
            .word("install")
            .filter(|_| command.is("apt-get") && !says_yes(command))
        else {
            continue;
        };
        let message = "`apt-get install` would ask before it goes on";
        let finding = findings.add(run.instruction, install.span, message);
        finding.fix = support::add_word(document, run, Some(install), "-y");
    }
}

/// `-qq`, in any way of writing it twice, means yes too.
fn says_yes(command: &Command) -> bool {
    command.has_flag(&["y", "yes", "assume-yes"])
        || command.count_flags(&["q"]) == 2
        || command.count_flags(&["quiet"]) == 2
        || command.has_word("-q=2")
}
