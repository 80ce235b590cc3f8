//! A CMD that never takes effect.

use crate::diagnostic::Span;
use crate::dockerfile::{Body, Keyword, Word};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV302",
    name: "ignored-command",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A shell-form `ENTRYPOINT` in a stage that also has a `CMD`.",
        why: "A shell-form `ENTRYPOINT` is run as `sh -c`, which is given no arguments: neither `CMD` nor what is written behind `docker run` reaches it. Signals don't either.",
        example: "FROM debian:12\nENTRYPOINT server --verbose\nCMD [\"--port\", \"80\"]\n",
        instead: "FROM debian:12\nENTRYPOINT [\"server\", \"--verbose\"]\nCMD [\"--port\", \"80\"]\n",
        references: &["https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact"],
    },
    check,
    cases: "
=== fires at 3:5: either order
FROM debian:12
ENTRYPOINT server
CMD [\"--port\", \"80\"]

=== fires at 2:5: a command before
FROM debian:12
CMD run
ENTRYPOINT exec server

=== clean: the exec form, one alone, or another stage's
FROM debian:12 AS a
ENTRYPOINT server
FROM debian:12 AS b
ENTRYPOINT [\"server\"]
CMD [\"--port\", \"80\"]
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let mut last = document.instructions_of(stage).iter();
        let entrypoint = last.rfind(|instruction| instruction.keyword == Some(Keyword::Entrypoint));
        if !entrypoint.is_some_and(|it| matches!(&it.body, Body::Shell(word) if !word.text.trim().is_empty())) {
            continue;
        }
        let mut commands = document.instructions_of(stage).iter();
        if let Some(command) = commands.rfind(|instruction| instruction.keyword == Some(Keyword::Cmd))
            && let Body::Shell(Word { span, .. }) = &command.body
        {
            findings.add(command, *span, "the shell form of `ENTRYPOINT` ignores this");
        } else if let Some(command) = document
            .instructions_of(stage)
            .iter()
            .rfind(|it| it.keyword == Some(Keyword::Cmd))
            && let Body::Json(words) = &command.body
            && let (Some(first), Some(last)) = (words.first(), words.last())
        {
            // The brackets belong to it.
            let start = document
                .text(command.span)
                .find('[')
                .map_or(first.span.start, |at| command.span.start + at as u32);
            findings.add(
                command,
                Span::new(start, last.span.end),
                "the shell form of `ENTRYPOINT` ignores this",
            );
        }
    }
}
