//! A user that is made and never used.

use super::common::{commands, lineage};
use crate::dockerfile::{Instruction, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV314",
    name: "unused-user",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage adds a user, and neither it nor a stage built on it ever says `USER` or `--chown`.",
        why: "The container still runs as root, which was probably not the intent.",
        example: "FROM debian:12\nRUN useradd -lm app\nCMD [\"server\"]\n",
        instead: "FROM debian:12\nRUN useradd -lm app\nUSER app\nCMD [\"server\"]\n",
        references: &["https://docs.docker.com/build/building/best-practices/#user"],
    },
    check,
    cases: "
=== fires at 2:5: root to the end
FROM debian:12
RUN useradd -lm app
CMD [\"server\"]

=== fires at 2:22: busybox's way
FROM alpine:3.22
RUN addgroup -S app; adduser -S app

=== clean: used here, later, or by a program that changes to it
FROM debian:12 AS base
RUN useradd -lm app
FROM base
USER app
FROM debian:12
RUN useradd -lm x
ENTRYPOINT [\"gosu\", \"x\", \"server\"]
FROM debian:12
RUN adduser -S y
COPY --chown=y a /a
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in commands(document) {
        if !command.is_any(&["useradd", "adduser"])
            || command.arguments().count() == 2 && command.is("adduser") && command.has_flag(&["G"])
        {
            continue;
        }
        let (Some(name), Some(made)) = (command.words.last(), run.stage) else {
            continue;
        };
        let uses = |instruction: &Instruction| {
            instruction.keyword == Some(Keyword::User)
                || words::flag(instruction, "chown").is_some()
                || (instruction.span != run.instruction.span && document.text(instruction.span).contains(&name.text))
        };
        let mut stages = document
            .stages()
            .iter()
            .filter(|stage| lineage(document, stage).any(|base| base.index == made));
        let chowns = run
            .commands()
            .iter()
            .any(|other| other.is_any(&["chown", "su", "install", "setpriv", "runuser", "gosu", "su-exec"]));
        if !chowns && !stages.any(|stage| document.instructions_of(stage).iter().any(uses)) {
            findings
                .add(
                    run.instruction,
                    command.span,
                    format!("nothing ever runs as `{}`", name.text),
                )
                .help("add `USER`");
        }
    }
}
