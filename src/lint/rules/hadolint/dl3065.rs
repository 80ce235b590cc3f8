//! The platform that is taken anyway.

use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3065",
    name: "redundant-platform",
    family: Family::Hadolint,
    twin: Some("RedundantTargetPlatform"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `FROM --platform=$TARGETPLATFORM`.",
        why: "That is the platform without the flag, too.",
        example: "FROM --platform=$TARGETPLATFORM debian:12\n",
        instead: "FROM debian:12\n",
        references: &["https://docs.docker.com/reference/build-checks/redundant-target-platform/"],
    },
    check,
    cases: "
=== fires at 1:6, 2:8: with and without braces
FROM --platform=$TARGETPLATFORM debian:12
from   --platform=${TARGETPLATFORM}  debian:12 as a
--- fixed
FROM debian:12
from   debian:12 as a

=== clean: other platforms, and more than the variable
FROM debian:12
FROM --platform=$BUILDPLATFORM debian:12
FROM --platform=${TARGETPLATFORM:-linux/amd64} debian:12
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let Some((flag, platform)) = words::flag_value(stage.from, "platform") else {
            continue;
        };
        if matches!(platform, "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
            let finding = findings.add(stage.from, flag.span, "this platform is taken without the flag, too");
            finding.fix = fixes::without_platform(document, flag.span, true);
        }
    }
}
