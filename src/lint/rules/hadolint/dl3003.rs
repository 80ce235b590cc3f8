//! `cd` in RUN.

use crate::diagnostic::Span;
use crate::lint::{Command, Docs, Document, Edit, Family, Findings, Fix, Fixable, Form, Level, Link, Rule, Run, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3003",
    name: "cd-in-run",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A change of directory in a `RUN`.",
        why: "Every `RUN` begins in the working directory of the image, so a `cd` is forgotten when the step ends; \
              `WORKDIR` says once and for all where things happen.",
        example: "FROM debian:12\nRUN cd /src && make\n",
        instead: "FROM debian:12\nWORKDIR /src\nRUN make\n",
        references: &["https://docs.docker.com/reference/dockerfile/#workdir"],
    },
    check,
    cases: "
=== fires at 2:5, 3:13: in front and in the middle
FROM debian:12
RUN cd /src && make
RUN make && cd sub
--- fixed
FROM debian:12
WORKDIR /src
RUN make
RUN make && cd sub

=== fires on 2: alone
FROM debian:12
RUN cd /src
--- fixed
FROM debian:12
WORKDIR /src

=== fires on 2, 4: in a subshell, or to a place that a variable says
FROM debian:12
RUN (cd /src && make)
# a line of its own
RUN cd $HOME && ls
--- fixed
FROM debian:12
RUN (cd /src && make)
# a line of its own
RUN cd $HOME && ls

=== clean: other commands, and ONBUILD
FROM debian:12
RUN pushd /src && make
ONBUILD RUN cd /src && make
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs().iter().filter(|run| !run.onbuild) {
        for (at, command) in run
            .commands()
            .iter()
            .enumerate()
            .filter(|(_, command)| command.is("cd"))
        {
            let finding = findings.add(run.instruction, command.span, "`cd` lasts only as long as this `RUN`");
            if at == 0
                && let Some(edits) = as_workdir(document, run, command)
            {
                finding.fix(Fix::unsafe_("change the directory with `WORKDIR`", edits));
            }
        }
    }
}

/// `RUN cd DIR` becomes `WORKDIR DIR`, and `RUN cd DIR && …` becomes `WORKDIR DIR` and `RUN …`.
fn as_workdir(document: &Document<'_>, run: &Run<'_>, cd: &Command) -> Option<Vec<Edit>> {
    let [directory] = cd.words.as_slice() else { return None };
    let plain = directory.literal
        && !directory.text.starts_with(['-', '~'])
        && !directory.text.contains([' ', '\\', '`', '\n', '*', '?', '$']);
    let alone = cd.depth == 0 && cd.pipe.is_none() && cd.redirects.is_empty() && cd.assignments.is_empty();
    if run.form != Form::Shell || !plain || !alone || !run.run.heredocs.is_empty() {
        return None;
    }
    let line = format!("WORKDIR {}", directory.text);
    let Some(next) = run.commands().get(1) else {
        let all = run.script.span(0..run.script.text.len());
        let only = cd.after.is_none() && all == cd.span;
        return only.then(|| vec![Edit::replace(run.instruction.span, line)]);
    };
    // Only the command right behind it on the same level: otherwise a bracket would be cut.
    let joined = matches!(cd.after, Some(Link::And | Link::Then)) && next.depth == 0 && next.before == cd.after;
    let gap = document.text(Span::new(cd.span.end, next.span.start));
    let gap = gap.trim_matches(|c: char| c.is_whitespace() || c == document.escape());
    let only_link = matches!(gap, "&&" | ";");
    (joined && only_link).then(|| {
        vec![
            Edit::insert(run.instruction.span.start, format!("{line}\n")),
            Edit::delete(Span::new(cd.span.start, next.span.start)),
        ]
    })
}
