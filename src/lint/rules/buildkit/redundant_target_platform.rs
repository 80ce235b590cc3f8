//! The platform that is taken anyway.

use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "RedundantTargetPlatform",
    name: "redundant-target-platform",
    family: Family::BuildKit,
    twin: Some("DL3065"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `FROM --platform` that comes to the platform of the build, by its variable alone.",
        why: "That is the platform without the flag, too.",
        example: "FROM --platform=$TARGETPLATFORM debian:12\n",
        instead: "FROM debian:12\n",
        references: &["https://docs.docker.com/reference/build-checks/redundant-target-platform/"],
    },
    check,
    cases: "
=== fires at 1:6, 2:6: the variable, with or without an operator
FROM --platform=$TARGETPLATFORM debian:12
FROM --platform=${TARGETPLATFORM:-linux/amd64} debian:12
--- fixed
FROM debian:12
FROM debian:12

=== clean: other platforms, and more than the variable
FROM debian:12
FROM --platform=$BUILDPLATFORM debian:12
FROM --platform=$TARGETOS/$TARGETARCH debian:12
FROM --platform=linux/amd64 debian:12
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let froms = &document.scopes().froms;
    for (stage, from) in document.stages().iter().zip(froms) {
        if let Some(platform) = &from.platform
            && platform.is_target
        {
            let message = format!("`{}` is the platform without the flag, too", platform.text);
            // With an operator it says something where nothing is built for any platform.
            let plain = matches!(platform.text.as_str(), "$TARGETPLATFORM" | "${TARGETPLATFORM}");
            let finding = findings.add(stage.from, platform.span, message);
            finding.fix = fixes::without_platform(document, platform.span, plain);
        }
    }
}
