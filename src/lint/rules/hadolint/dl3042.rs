//! pip install that keeps its cache.

use super::support;
use crate::dockerfile::{Body, Keyword};
use crate::lint::variables;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3042",
    name: "pip-cache",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `pip install` that keeps what it downloaded.",
        why: "Wheels in the cache of pip are never read again in an image, but every copy of the image carries them.",
        example: "FROM python:3.12\nRUN pip install flask==3.0.3\n",
        instead: "FROM python:3.12\nRUN pip install --no-cache-dir flask==3.0.3\n",
        references: &["https://pip.pypa.io/en/stable/topics/caching/"],
    },
    check,
    cases: "
=== fires at 2:5, 3:13: by every name of pip
FROM python:3.12
RUN pip install a==1
ONBUILD RUN python3 -m pip install --no-cache a==1
--- fixed
FROM python:3.12
RUN pip install --no-cache-dir a==1
ONBUILD RUN python3 -m pip install --no-cache-dir --no-cache a==1

=== fires on 2, 4, 6: too late, not on, and by ARG
FROM python:3.12 AS one
RUN pip install a==1
ENV PIP_NO_CACHE_DIR=off
RUN pip install a==1
ARG PIP_NO_CACHE_DIR=1
RUN pip install a==1
--- fixed
FROM python:3.12 AS one
RUN pip install --no-cache-dir a==1
ENV PIP_NO_CACHE_DIR=off
RUN pip install --no-cache-dir a==1
ARG PIP_NO_CACHE_DIR=1
RUN pip install --no-cache-dir a==1

=== clean: the flag, the variable, a mount
FROM python:3.12 AS one
ENV PIP_NO_CACHE_DIR=1
FROM one
RUN pip install a==1
FROM python:3.12
RUN pip install --no-cache-dir a==1 && pipx install a==1
RUN PIP_NO_CACHE_DIR=on pip install a==1
RUN export PIP_NO_CACHE_DIR=\"True\" && pip install a==1
RUN --mount=type=cache,target=/root/.cache/pip pip install a==1
",
};

const SWITCH: &str = "PIP_NO_CACHE_DIR";

fn check(document: &Document<'_>, findings: &mut Findings) {
    let off = stages_without_cache(document);
    for run in document.runs() {
        // hadolint looks at ENV for the build's own steps only.
        let by_env = !run.onbuild
            && run
                .stage
                .and_then(|stage| off[stage])
                .is_some_and(|since| since < run.index);
        if by_env || run.commands().iter().any(switches_off) {
            continue;
        }
        if run.has_mount(&["cache", "tmpfs"], |path| path.contains(".cache/pip")) {
            continue;
        }
        for command in run.commands() {
            if !support::is_pip_install(command) || command.is("pipx") || command.has_flag(&["no-cache-dir"]) {
                continue;
            }
            let message = "`pip install` leaves what it downloaded in the image";
            let finding = findings.add(run.instruction, command.span, message);
            finding.fix = support::add_word(document, run, command.word("install"), "--no-cache-dir");
        }
    }
}

/// For each stage the place of the instruction since which ENV switches the cache off: 0 when its base does.
fn stages_without_cache(document: &Document<'_>) -> Vec<Option<usize>> {
    let mut off: Vec<Option<usize>> = Vec::new();
    for stage in document.stages() {
        let inherited = variables::exact_base(document, stage).and_then(|base| off.get(base).copied().flatten());
        let own = stage.range.clone().find(|at| {
            let instruction = &document.instructions()[*at];
            let Body::Pairs { pairs, .. } = &instruction.body else {
                return false;
            };
            instruction.keyword == Some(Keyword::Env)
                && pairs.iter().any(|pair| {
                    pair.key.text == SWITCH && pair.value.as_ref().is_some_and(|value| is_true(&value.text))
                })
        });
        off.push(inherited.map(|_| 0).or(own));
    }
    off
}

fn switches_off(command: &Command) -> bool {
    let by_word = |text: &str| {
        text.strip_prefix(SWITCH)
            .and_then(|rest| rest.strip_prefix('='))
            .is_some_and(is_true)
    };
    let assigned = command
        .assignments
        .iter()
        .any(|it| it.name == SWITCH && it.value.as_ref().is_some_and(|value| is_true(&value.text)));
    assigned || command.words.iter().any(|word| by_word(&word.text))
}

fn is_true(value: &str) -> bool {
    matches!(
        value.trim_matches(['"', '\'']),
        "1" | "true" | "True" | "TRUE" | "on" | "On" | "ON" | "yes" | "Yes" | "YES"
    )
}
