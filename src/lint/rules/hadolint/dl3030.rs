//! yum install without -y.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3030",
    name: "yum-without-yes",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `yum` command that installs something and that nothing tells to go ahead without asking.",
        why: "Nobody answers while an image is built, so the step ends at the first question.",
        example: "FROM rockylinux:9\nRUN yum install curl\n",
        instead: "FROM rockylinux:9\nRUN yum install -y curl\n",
        references: &["https://man7.org/linux/man-pages/man8/yum.8.html"],
    },
    check,
    cases: "
=== fires at 2:9, 3:17: whatever is installed
FROM rockylinux:9
RUN yum install a
ONBUILD RUN yum groupinstall b -q && c
--- fixed
FROM rockylinux:9
RUN yum install -y a
ONBUILD RUN yum groupinstall -y b -q && c

=== clean: all ways to say yes, and commands that are not looked at
FROM rockylinux:9
RUN yum install -y a; yum -qy install a; yum --assumeyes groupinstall a; yum update; yum reinstall a
",
};

const ASKS: &[&str] = &["install", "groupinstall", "localinstall"];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !command.is("yum") || command.has_flag(&["y", "assumeyes"]) {
            continue;
        }
        let Some(word) = command.words.iter().find(|word| ASKS.contains(&&*word.text)) else {
            continue;
        };
        let message = format!("`yum {}` would ask before it goes on", word.text);
        let finding = findings.add(run.instruction, word.span, message);
        finding.fix = support::add_word(document, run, Some(word), "-y");
    }
}
