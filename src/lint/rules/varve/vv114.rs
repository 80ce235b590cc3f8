//! A trace that shows secrets.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV114",
    name: "traced-secret",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "`set -x` in a step that mounts a secret.",
        why: "The shell then prints every command with its variables put in, the secret among them, into the build's log.",
        example: "FROM debian:12\nRUN --mount=type=secret,id=token set -x && fetch --token \"$(cat /run/secrets/token)\"\n",
        instead: "FROM debian:12\nRUN --mount=type=secret,id=token set -e && fetch --token \"$(cat /run/secrets/token)\"\n",
        references: &["https://docs.docker.com/build/building/secrets/"],
    },
    check,
    cases: "
=== fires at 2:34, 3:52: with other flags, and as the shell's own
FROM debian:12
RUN --mount=type=secret,id=token set -eux; cat /run/secrets/token
RUN --mount=type=secret,id=token,env=TOKEN true && sh -x ./install.sh

=== clean: no secret, or the trace is switched off
FROM debian:12
RUN set -x && true
RUN --mount=type=cache,target=/c set -x
RUN --mount=type=secret,id=token set +x && set -e && tar -x -f a
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document
        .runs()
        .iter()
        .filter(|run| run.mounts().any(|(kind, _)| kind == "secret"))
    {
        for command in run.commands() {
            let traces = command.is_any(&["set", "sh", "bash", "ash", "dash"]) && command.has_flag(&["x"])
                || command.is("set") && command.has_word("xtrace") && command.has_flag(&["o"]);
            if traces {
                findings.add(run.instruction, command.span, "the trace shows the secret in the log");
            }
        }
    }
}
