//! A fixed platform.

use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3029",
    name: "fixed-platform",
    family: Family::Hadolint,
    twin: Some("FromPlatformFlagConstDisallowed"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `FROM --platform` that does not follow the platform of the build.",
        why: "The image can then be built for one kind of machine only, and `docker build --platform` has no effect on \
              it.",
        example: "FROM --platform=linux/amd64 debian:12\n",
        instead: "FROM debian:12\n",
        references: &["https://docs.docker.com/build/building/multi-platform/"],
    },
    check,
    cases: "
=== fires at 1:6, 2:6: constants, and variables of one's own
FROM --platform=linux/amd64 debian:12
FROM --platform=$PLATFORM debian:12
--- fixed
FROM debian:12
FROM debian:12

=== clean: no platform, or that of the build
FROM debian:12
FROM --platform=$BUILDPLATFORM debian:12
FROM --platform=${TARGETPLATFORM:-linux/amd64} debian:12
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        if let Some((flag, platform)) = words::flag_value(stage.from, "platform")
            && !platform.contains("BUILDPLATFORM")
            && !platform.contains("TARGETPLATFORM")
        {
            let message = format!("the platform is `{platform}`, whatever is built for");
            let finding = findings.add(stage.from, flag.span, message);
            finding.fix = fixes::without_platform(document, flag.span, false);
        }
    }
}
