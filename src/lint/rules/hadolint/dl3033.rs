//! yum install without versions.

use super::support;
use crate::lint::variables::Variables;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, Run, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3033",
    name: "unpinned-yum-packages",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A package of `yum install` without a version.",
        why: "The step gives other software tomorrow than today, and a cached layer hides that it would.",
        example: "FROM rockylinux:9\nRUN yum install -y curl && yum clean all\n",
        instead: "FROM rockylinux:9\nRUN yum install -y curl-7.76.1-26.el9 && yum clean all\n",
        references: &["https://man7.org/linux/man-pages/man8/yum.8.html"],
    },
    check,
    cases: "
=== fires at 2:20, 3:28, 4:27, 5:20, 6:20: the first package without a version
FROM rockylinux:9
RUN yum install -y curl a-1
ONBUILD RUN yum install -y a-b
RUN yum module install -y a; yum clean all
RUN yum install -y a-${V} b-v1
RUN yum install -y a.rpm

=== clean: versions, files, and variables that the file sets
ARG A
FROM rockylinux:9
ENV B=1
RUN yum install -y a-1 b-c-2.1-3.el9 ./d-e.rpm f-${A} g-$B.x \"h-${B}\"; yum module install -y i:1

=== fires on 5: a variable of another stage
FROM rockylinux:9
ENV B=1
FROM rockylinux:9
# the first stage is not its base
RUN yum install -y a-${B}

=== clean: a variable of the stage that it builds on
FROM rockylinux:9 AS one
ENV B=1
FROM one
RUN yum install -y a-${B}
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let known = Variables::new(document);
    for (run, command) in support::commands(document) {
        if !command.is("yum") || !command.has_word("install") {
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
