//! RUN after RUN.

use crate::diagnostic::Span;
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Form, Level, Rule, Run, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3059",
    name: "consecutive-runs",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `RUN` of one command right after another such `RUN`.",
        why: "Each makes a layer, and files that the second removes stay in the first; joined with `&&` they are one.",
        example: "FROM debian:12\nRUN mkdir /a\nRUN touch /a/b\n",
        instead: "FROM debian:12\nRUN mkdir /a && touch /a/b\n",
        references: &["https://docs.docker.com/build/building/best-practices/#minimize-the-number-of-layers"],
    },
    check,
    cases: "
=== fires at 3:1, 6:1: comments between do not matter
FROM debian:12
RUN mkdir /a
RUN  touch /a/b
ENV x=1
RUN a
run b # c
--- fixed
FROM debian:12
RUN mkdir /a \\
    && touch /a/b
ENV x=1
RUN a
run b # c

=== fires on 3, 6: the same flags, JSON
FROM debian:12
RUN --mount=type=cache,target=/x --network=none a
RUN --network=none --mount=target=/x,type=cache b
ENV x=1
RUN [\"a\"]
RUN [\"b\"]
--- fixed
FROM debian:12
RUN --mount=type=cache,target=/x --network=none a \\
    && b
ENV x=1
RUN [\"a\"]
RUN [\"b\"]

=== clean: more than one command, other flags, or something between
FROM debian:12
RUN a && b
RUN c
RUN d | e
ENV x=1
RUN g $(h)
RUN --network=none i
RUN j
ONBUILD RUN k
RUN l
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let runs = document.runs().iter().filter(|run| !run.onbuild).collect::<Vec<_>>();
    for pair in runs.windows(2) {
        let &[first, second] = pair else { continue };
        if second.index != first.index + 1 || !is_short(first) || !is_short(second) || flags(first) != flags(second) {
            continue;
        }
        let message = "this `RUN` could be part of the one before";
        let finding = findings.add(second.instruction, second.instruction.name.span, message);
        if let Some(edit) = join(document, first, second) {
            finding.fix(Fix::unsafe_("join them with `&&`", vec![edit]));
        }
    }
}

/// At most one command with a name, wherever it stands.
fn is_short(run: &Run<'_>) -> bool {
    !run.script.unread && run.commands().iter().filter(|command| command.name.is_some()).count() <= 1
}

/// The flags, sorted, and so are the options of each.
fn flags<'a>(run: &Run<'a>) -> Vec<(&'a str, Vec<&'a str>)> {
    let parts = |value: &'a str| {
        let mut parts: Vec<&str> = value.split(',').collect();
        parts.sort_unstable();
        parts
    };
    let flags = run.run.flags.iter();
    let mut flags: Vec<_> = flags
        .map(|flag| (flag.name.as_str(), parts(flag.value.as_deref().unwrap_or_default())))
        .collect();
    flags.sort();
    flags
}

/// Puts `&&` in place of all between the two scripts, if nothing stands there.
fn join(document: &Document<'_>, first: &Run<'_>, second: &Run<'_>) -> Option<Edit> {
    let plain = |run: &Run<'_>| {
        let commands = run.commands();
        run.form == Form::Shell
            && run.run.heredocs.is_empty()
            && !run.script.text.contains('#')
            && matches!(commands, [only] if only.depth == 0 && only.after.is_none() && only.name.is_some())
    };
    if !plain(first) || !plain(second) {
        return None;
    }
    let start = second.commands().first()?.span.start;
    let rest = second.script.text.trim();
    let first_end = first.instruction.span.end;
    let between = document.text(Span::new(first_end, second.instruction.span.start));
    let leading = document.text(Span::new(second.instruction.name.span.end, start));
    let only_flags = second.run.flags.is_empty() || leading.trim_start().starts_with("--");
    let whole = second.script.span(0..second.script.text.len()).start == start;
    (between.trim().is_empty() && only_flags && whole && !rest.is_empty()).then(|| {
        let escape = document.escape();
        Edit::replace(Span::new(first_end, start), format!(" {escape}\n    && "))
    })
}
