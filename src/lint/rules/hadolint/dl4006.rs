//! A pipe without pipefail.

use super::support;
use crate::dockerfile::{Body, Instruction, Keyword};
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Form, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL4006",
    name: "pipe-without-pipefail",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A pipe in a `RUN` whose `SHELL` is not told to fail with it.",
        why: "The exit status of a pipe is that of its last command: when a download in front fails, the step goes \
              on and is cached as done.",
        example: "FROM debian:12\nRUN curl https://example.org/a | tar -x\n",
        instead: "FROM debian:12\nSHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN curl https://example.org/a | tar -x\n",
        references: &["https://docs.docker.com/build/building/best-practices/#using-pipes"],
    },
    check,
    cases: "
=== fires at 2:7, 3:11, 4:12: wherever the pipe stands
FROM debian:12
RUN a | b
RUN x=$(c |& d)
RUN [\"a\", \"|\", \"b\"]
--- fixed
FROM debian:12
SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]
RUN a | b
RUN x=$(c |& d)
RUN [\"a\", \"|\", \"b\"]

=== fires on 3, 5: another shell, and the next stage
FROM alpine:3.20
SHELL [\"/bin/sh\", \"-o\", \"pipefail\", \"-c\"]
RUN set -o pipefail; a | b
FROM alpine:3.20
RUN a | b
--- fixed
FROM alpine:3.20
SHELL [\"/bin/sh\", \"-o\", \"pipefail\", \"-c\"]
RUN set -o pipefail; a | b
FROM alpine:3.20
SHELL [\"/bin/ash\", \"-o\", \"pipefail\", \"-c\"]
RUN a | b

=== clean: with the option, no shell, no pipe, ONBUILD
FROM debian:12
SHELL [\"/bin/bash\", \"-euo\", \"pipefail\", \"-c\"]
RUN a | b
SHELL [\"pwsh\", \"-c\"]
RUN a | b
SHELL [\"ash\", \"-o pipefail\", \"-c\"]
ENV A=1
RUN a | b
FROM debian:12
RUN a || b; bash -c 'a | b'
ONBUILD RUN a | b
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let mut runs = document.runs().iter().peekable();
    let busybox = support::busybox(document);
    let mut is_safe = false;
    let mut has_shell = false;
    for (at, instruction) in document.instructions().iter().enumerate() {
        match instruction.keyword {
            Some(Keyword::From) => (is_safe, has_shell) = (false, false),
            Some(Keyword::Shell) => (is_safe, has_shell) = (fails_with_pipe(instruction), true),
            _ => {}
        }
        let Some(run) = runs
            .next_if(|run| run.index == at)
            .filter(|run| !run.onbuild && !is_safe)
        else {
            continue;
        };
        let Some(pipe) = run.script.pipes.first() else { continue };
        let message = "the exit status of this pipe is that of its last command only";
        let finding = findings.add(run.instruction, *pipe, message);
        finding.help("set a `SHELL` with `-o pipefail` in front");
        if !std::mem::replace(&mut has_shell, true) && run.form != Form::Exec {
            let shell = match run.stage.is_some_and(|stage| busybox[stage]) {
                true => "/bin/ash",
                false => "/bin/bash",
            };
            let line = format!("SHELL [\"{shell}\", \"-o\", \"pipefail\", \"-c\"]\n");
            finding.fix(Fix::unsafe_(
                "set `SHELL` with `-o pipefail`",
                vec![Edit::insert(run.instruction.span.start, line)],
            ));
        }
    }
}

/// Whether the command of SHELL has the option, or is no shell that could have it.
fn fails_with_pipe(shell: &Instruction) -> bool {
    let command = match &shell.body {
        Body::Json(words) => words
            .iter()
            .map(|word| word.text.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        Body::Shell(word) => word.text.clone(),
        _ => return false,
    };
    let mut words = command.split_whitespace();
    let name = words.next().unwrap_or_default();
    if ["pwsh", "powershell", "cmd"]
        .iter()
        .any(|other| name.starts_with(other))
    {
        return true;
    }
    let short = name.strip_prefix("/bin/").unwrap_or(name);
    let words: Vec<&str> = words.collect();
    let has_option = words
        .iter()
        .any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('o'));
    matches!(short, "bash" | "zsh" | "ash") && has_option && words.contains(&"pipefail")
}
