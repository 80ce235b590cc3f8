//! Keywords in different cases.

use crate::dockerfile::Instruction;
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "ConsistentInstructionCasing",
    name: "consistent-instruction-casing",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A keyword that is not written in the case that most of the file has.",
        why: "Keywords that look alike are found at a glance.",
        example: "FROM debian:12\nrun true\n",
        instead: "FROM debian:12\nRUN true\n",
        references: &["https://docs.docker.com/reference/build-checks/consistent-instruction-casing/"],
    },
    check,
    cases: "
=== fires at 3:1, 4:1: the fewer
FROM debian:12
RUN true
run true
Env A=1
--- fixed
FROM debian:12
RUN true
RUN true
ENV A=1

=== fires at 1:1: where most are in lower case
FROM debian:12
run true
workdir /a
--- fixed
from debian:12
run true
workdir /a

=== fires at 3:1: of a draw upper case wins, and an ARG above the first FROM has no vote
arg A
FROM debian:12
run true
--- fixed
arg A
FROM debian:12
RUN true

=== clean: alike
from debian:12
run true
onbuild RUN true
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let all = || {
        document.instructions()[document.preamble().len()..]
            .iter()
            .filter(|it| it.keyword.is_some())
    };
    let is_lower = |it: &&Instruction| it.name.text == it.name.text.to_lowercase();
    let is_upper = |it: &&Instruction| it.name.text == it.name.text.to_uppercase();
    let lower = all().filter(is_lower).count() > all().filter(is_upper).count();
    for instruction in all() {
        let name = &instruction.name;
        let (wanted, case) = match lower {
            true => (name.text.to_lowercase(), "lower"),
            false => (name.text.to_uppercase(), "upper"),
        };
        if wanted != name.text {
            let message = format!(
                "most of the file has its keywords in {case} case, but not `{}`",
                name.text
            );
            let finding = findings.add(instruction, name.span, message);
            if document.text(name.span) == name.text {
                finding.fix(Fix::safe(
                    format!("write `{wanted}`"),
                    vec![Edit::replace(name.span, wanted)],
                ));
            }
        }
    }
}
