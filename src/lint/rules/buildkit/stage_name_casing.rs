//! Stage names with capitals.

use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "StageNameCasing",
    name: "stage-name-casing",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A stage whose name has upper-case letters.",
        why: "Builders ignore the case of letters in stage names; one way of writing them keeps names and uses alike.",
        example: "FROM debian:12 AS Build\n",
        instead: "FROM debian:12 AS build\n",
        references: &["https://docs.docker.com/reference/build-checks/stage-name-casing/"],
    },
    check,
    cases: "
=== fires at 1:19: a capital
FROM debian:12 AS Build
FROM debian:12
COPY --from=Build /a /b
--- fixed
FROM debian:12 AS build
FROM debian:12
COPY --from=Build /a /b

=== clean: lower case, digits and marks
FROM debian:12 AS build-1.x_y
FROM debian:12
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let Some(name) = stage.name else { continue };
        let lower = name.text.to_lowercase();
        if lower != name.text {
            let message = format!("the stage name `{}` has upper-case letters", name.text);
            let finding = findings.add(stage.from, name.span, message);
            // Whoever names the stage finds it in either case.
            finding.fix(Fix::safe(
                format!("call it `{lower}`"),
                vec![Edit::replace(name.span, lower)],
            ));
        }
    }
}
