//! Caches of yum left behind.

use super::support;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3032",
    name: "yum-cache",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `yum install` that is not followed by `yum clean all` in the same `RUN`.",
        why: "What yum downloaded stays in the layer, though nothing reads it again.",
        example: "FROM rockylinux:9\nRUN yum install -y curl-7.76.1\n",
        instead: "FROM rockylinux:9\nRUN yum install -y curl-7.76.1 && yum clean all\n",
        references: &["https://man7.org/linux/man-pages/man8/yum.8.html"],
    },
    check,
    cases: "
=== fires at 2:5, 3:30: not cleaned, or too early
FROM rockylinux:9
RUN yum install -y a-1
ONBUILD RUN yum clean all && yum -y install b-1
--- fixed
FROM rockylinux:9
RUN yum install -y a-1 && yum clean all
ONBUILD RUN yum clean all && yum -y install b-1

=== clean: cleaned, or removed by hand
FROM rockylinux:9
RUN yum install -y a-1 && yum clean all
RUN yum install -y a-1; rm -rf /var/cache/yum
RUN yum update -y && yum groupinstall -y b
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs() {
        let installs = |command: &Command| command.is("yum") && command.has_word("install");
        let cleans = |command: &Command| {
            (command.is("yum") && command.has_any_word(&["clean", "all"])) || support::is_rm_rf(command)
        };
        if let Some(command) = support::not_cleaned(run, installs, cleans) {
            let message = "what yum downloaded stays in the image";
            let finding = findings.add(run.instruction, command.span, message);
            finding.help("end the `RUN` with `yum clean all`");
            support::fix_by(finding, run, command, "yum clean all");
        }
    }
}
