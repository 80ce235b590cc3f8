//! dnf install without versions.

use super::support;
use crate::lint::variables::Variables;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, Run, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3041",
    name: "unpinned-dnf-packages",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A package of `dnf install` without a version.",
        why: "The step gives other software tomorrow than today, and a cached layer hides that it would.",
        example: "FROM fedora:41\nRUN dnf install -y curl && dnf clean all\n",
        instead: "FROM fedora:41\nRUN dnf install -y curl-8.9.1-2.fc41 && dnf clean all\n",
        references: &["https://docs.fedoraproject.org/en-US/quick-docs/dnf/"],
    },
    check,
    cases: "
=== fires at 2:20, 3:33, 4:27: the first package without a version
FROM fedora:41
RUN dnf install -y curl a-1
ONBUILD RUN microdnf install -y a-b
RUN dnf module install -y a

=== clean: versions, files, and variables that the file sets
FROM fedora:41
ARG A
RUN dnf install -y a-1 b-c-2.1-3.fc41 d-1.rpm f-${A}; dnf module install -y i:1; dnf in x; dnf group install j
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let known = Variables::new(document);
    for (run, command) in support::commands(document) {
        if !command.is_any(&["dnf", "microdnf"]) || !command.has_word("install") || command.has_word("group") {
            continue;
        }
        let module = command.has_word("module");
        let packages: Vec<_> = command
            .arguments()
            .filter(|word| !matches!(&*word.text, "install" | "module"))
            .filter(|word| !support::is_rpm_pinned(&word.text, module, |name| is_known(&known, run, name)))
            .collect();
        support::unpinned(findings, run, &packages, "curl-7.76.1-26.el9");
    }
}

/// ARG counts wherever it stands in front.
fn is_known(known: &Variables<'_>, run: &Run<'_>, name: &str) -> bool {
    known.is_arg_anywhere(name, run.index) || known.is_env(run.stage, name, run.index)
}
