//! EXPOSE with capitals.

use super::ports;
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "ExposeProtoCasing",
    name: "expose-proto-casing",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A protocol of `EXPOSE` that has upper-case letters.",
        why: "In the image it is written in lower case; so should it be in the file.",
        example: "FROM debian:12\nEXPOSE 80/TCP\n",
        instead: "FROM debian:12\nEXPOSE 80/tcp\n",
        references: &["https://docs.docker.com/reference/build-checks/expose-proto-casing/"],
    },
    check,
    cases: r#"
=== fires at 2:8, 2:18: capitals
FROM debian:12
EXPOSE 80/TCP 81 82/Udp
--- fixed
FROM debian:12
EXPOSE 80/tcp 81 82/udp

=== fires on 3: what a variable comes to
FROM debian:12
ENV PORTS="80 81/TCP"
EXPOSE $PORTS
--- fixed
FROM debian:12
ENV PORTS="80 81/TCP"
EXPOSE $PORTS

=== clean: lower case, or none
FROM debian:12
EXPOSE 80/tcp 81
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (line, span, port) in ports::of(document) {
        let Some((_, protocol)) = ports::last(port).split_once('/') else {
            continue;
        };
        let known = ["tcp", "udp", "sctp"]
            .iter()
            .any(|known| protocol.eq_ignore_ascii_case(known));
        if known && protocol != protocol.to_lowercase() {
            let message = format!("the protocol of `{port}` has upper-case letters");
            let finding = findings.add_at(line, span, message);
            if document.text(span) == port {
                let lower = format!("{}{}", &port[..port.len() - protocol.len()], protocol.to_lowercase());
                finding.fix(Fix::safe("write it in lower case", vec![Edit::replace(span, lower)]));
            }
        }
    }
}
