//! A port exposed twice.

use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};
use std::collections::HashSet;

pub(super) static RULE: Rule = Rule {
    code: "VV312",
    name: "repeated-port",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "`EXPOSE` of a port that the stage already exposes.",
        why: "It says nothing new, and one of the two is probably a slip.",
        example: "FROM debian:12\nEXPOSE 80 80/tcp\n",
        instead: "FROM debian:12\nEXPOSE 80 443\n",
        references: &["https://docs.docker.com/reference/dockerfile/#expose"],
    },
    check,
    cases: "
=== fires at 3:12, 4:8: in one instruction or in several
FROM debian:12
EXPOSE 80 8080/udp
EXPOSE 443 80/TCP
EXPOSE 8080/udp

=== clean: another protocol, another stage
FROM debian:12
EXPOSE 53/tcp 53/udp $PORT $PORT
FROM debian:12
EXPOSE 53
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let mut seen = HashSet::new();
        for instruction in document.instructions_of(stage) {
            if instruction.keyword != Some(Keyword::Expose) {
                continue;
            }
            for word in words::list(instruction).iter().filter(|word| !word.text.contains('$')) {
                let text = words::unquoted(&word.text).to_ascii_lowercase();
                let port = if text.contains('/') {
                    text
                } else {
                    format!("{text}/tcp")
                };
                if let Some(port) = seen.replace(port) {
                    findings.add(instruction, word.span, format!("`{port}` is exposed already"));
                }
            }
        }
    }
}
