//! CMD and ENTRYPOINT as text for a shell.

use crate::dockerfile::{Body, Keyword};
use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use std::collections::BTreeSet;

pub(super) static RULE: Rule = Rule {
    code: "JSONArgsRecommended",
    name: "json-args-recommended",
    family: Family::BuildKit,
    twin: Some("DL3025"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `CMD` or `ENTRYPOINT` that is not written as a JSON array, where no `SHELL` was chosen.",
        why: "A shell stands between the container and the program then, and does not hand signals such as that of \
              `docker stop` on. Who sets a `SHELL` knows.",
        example: "FROM debian:12\nCMD nginx\n",
        instead: "FROM debian:12\nCMD [\"nginx\"]\n",
        references: &["https://docs.docker.com/reference/build-checks/json-args-recommended/"],
    },
    check,
    cases: r#"
=== fires at 2:5, 3:12: both
FROM debian:12
CMD nginx
ENTRYPOINT sh -c true
--- fixed
FROM debian:12
CMD ["nginx"]
ENTRYPOINT ["sh", "-c", "true"]

=== fires on 3: a trigger, at the FROM that fires it
FROM debian:12 AS base
ONBUILD CMD nginx
FROM base

=== clean: arrays, and a shell that was chosen here or below
FROM debian:12 AS base
CMD ["nginx"]
SHELL ["/bin/bash", "-c"]
CMD nginx
FROM base
ENTRYPOINT nginx
HEALTHCHECK CMD nginx
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let steps = document.scopes().steps.iter();
    let mut with_entrypoint: BTreeSet<usize> = steps
        .filter(|step| step.instruction.keyword == Some(Keyword::Entrypoint))
        .map(|step| step.stage)
        .collect();
    for stage in document.stages() {
        if stage.base.is_some_and(|base| with_entrypoint.contains(&base)) {
            with_entrypoint.insert(stage.index);
        }
    }
    for step in &document.scopes().steps {
        let (Some(keyword @ (Keyword::Cmd | Keyword::Entrypoint)), Body::Shell(command)) =
            (step.instruction.keyword, &step.instruction.body)
        else {
            continue;
        };
        if !step.has_shell {
            let message = format!("`{}` starts a shell; write a JSON array", keyword.name());
            let finding = findings.add_at(step.line, command.span, message);
            // Which of ENTRYPOINT and CMD get the other's words depends on their forms.
            let alone = keyword == Keyword::Cmd && !with_entrypoint.contains(&step.stage);
            finding.fix = fixes::as_array(document, command, alone);
        }
    }
}
