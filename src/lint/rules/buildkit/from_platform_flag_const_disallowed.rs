//! A fixed platform.

use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use crate::oci::Platform;

pub(super) static RULE: Rule = Rule {
    code: "FromPlatformFlagConstDisallowed",
    name: "from-platform-flag-const-disallowed",
    family: Family::BuildKit,
    twin: Some("DL3029"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `FROM --platform` with a constant, in a stage whose name does not tell of it.",
        why: "The image can then be built for one kind of machine only, and `docker build --platform` has no effect on \
              it.",
        example: "FROM --platform=linux/amd64 debian:12\n",
        instead: "FROM debian:12\n",
        references: &["https://docs.docker.com/reference/build-checks/from-platform-flag-const-disallowed/"],
    },
    check,
    cases: "
=== fires at 1:6, 2:6: a constant
FROM --platform=linux/amd64 debian:12
FROM --platform=linux/arm64 debian:12 AS build
--- fixed
FROM debian:12
FROM debian:12 AS build

=== clean: variables, and a stage that is called after the platform
ARG PLATFORM=linux/amd64
FROM --platform=$PLATFORM debian:12
FROM --platform=$BUILDPLATFORM debian:12
FROM --platform=linux/amd64 debian:12 AS build-AMD64
FROM --platform=windows/amd64 example:1 AS windows
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let froms = &document.scopes().froms;
    let default = Platform::host();
    for (stage, from) in document.stages().iter().zip(froms) {
        let Some(flag) = from.platform.as_ref().filter(|flag| flag.is_constant) else {
            continue;
        };
        let Ok(platform) = Platform::parse(&flag.text, &default) else {
            continue;
        };
        let name = stage.name.map(|name| name.text.to_lowercase()).unwrap_or_default();
        if !name.contains(&platform.os) && !name.contains(&platform.architecture) {
            let message = format!("the platform is `{}`, whatever is built for", flag.text);
            let finding = findings.add(stage.from, flag.span, message);
            finding.fix = fixes::without_platform(document, flag.span, false);
        }
    }
}
