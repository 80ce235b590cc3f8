//! Both wget and curl in a stage.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL4001",
    name: "wget-and-curl",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage whose `RUN` instructions use `wget` as well as `curl`.",
        why: "They do the same; two of them are two packages to install and to keep patched.",
        example: "FROM debian:12\nRUN curl -O https://example.org/a && wget -q https://example.org/b\n",
        instead: "FROM debian:12\nRUN curl -O https://example.org/a && curl -O https://example.org/b\n",
        references: &["https://docs.docker.com/reference/dockerfile/#run"],
    },
    check,
    cases: "
=== fires at 3:5, 4:5: from where both were seen
FROM debian:12
RUN curl a
RUN wget b
RUN curl c
RUN d

=== fires at 2:15: in one
FROM debian:12
RUN curl a && wget b

=== clean: in different stages, or for another build
FROM debian:12 AS one
RUN curl a
FROM one
RUN wget b
ONBUILD RUN curl c
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    // What the stage has used so far; what it keeps for ONBUILD is counted by itself.
    let mut used = [(None, [false; 2]); 2];
    for run in document.runs() {
        let (stage, seen) = &mut used[usize::from(run.onbuild)];
        if *stage != run.stage {
            (*stage, *seen) = (run.stage, [false; 2]);
        }
        let Some(last) = run.commands().iter().rfind(|command| command.is_any(&["curl", "wget"])) else {
            continue;
        };
        for (seen, name) in seen.iter_mut().zip(["curl", "wget"]) {
            *seen |= run.named(name).next().is_some();
        }
        if *seen == [true; 2] {
            let message = "this stage uses both `curl` and `wget`";
            findings.add(run.instruction, last.span, message);
        }
    }
}
