//! EXPOSE of a port that does not exist.

use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3011",
    name: "invalid-port",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `EXPOSE` of a port above 65535.",
        why: "There are no such ports, and the build fails.",
        example: "FROM debian:12\nEXPOSE 80000\n",
        instead: "FROM debian:12\nEXPOSE 8000\n",
        references: &["https://docs.docker.com/reference/dockerfile/#expose"],
    },
    check,
    cases: "
=== fires at 2:11, 3:8: each port, and both ends of a range
FROM debian:12
EXPOSE 80 65536/udp
EXPOSE 65000-65536

=== clean: the last port, and variables
FROM debian:12
EXPOSE 65535 8000-8010/tcp $PORT 1-$LAST
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        if instruction.keyword != Some(Keyword::Expose) {
            continue;
        }
        for word in words::list(instruction) {
            let ports = word.text.split('/').next().unwrap_or_default();
            // A number that is too long for this is too large as well.
            let too_large = |port: &str| {
                !port.is_empty()
                    && port.bytes().all(|byte| byte.is_ascii_digit())
                    && port.parse::<u64>().map_or(true, |port| port > 65535)
            };
            let ends: Vec<&str> = ports.split(['-', ':']).collect();
            if !ports.contains('$') && ends.into_iter().any(too_large) {
                findings.add(instruction, word.span, format!("`{ports}` is not in 0 to 65535"));
            }
        }
    }
}
