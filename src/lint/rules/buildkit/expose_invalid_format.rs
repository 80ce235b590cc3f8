//! EXPOSE of more than a port.

use super::ports;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "ExposeInvalidFormat",
    name: "expose-invalid-format",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `EXPOSE` with an address or a port of the host.",
        why: "It only says which port the container listens on; the rest is chosen by `docker run --publish`, and \
              ignored here.",
        example: "FROM debian:12\nEXPOSE 127.0.0.1:80:8080\n",
        instead: "FROM debian:12\nEXPOSE 8080\n",
        references: &["https://docs.docker.com/reference/build-checks/expose-invalid-format/"],
    },
    check,
    cases: "
=== fires at 2:8, 2:26, 3:8: ports and addresses of the host
FROM debian:12
EXPOSE 127.0.0.1:80:8080 80:8080 81
EXPOSE [::1]:80:8080/tcp

=== clean: ports
FROM debian:12
EXPOSE 80 81/udp 90-99 $PORT
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (line, span, port) in ports::of(document) {
        // What stands in front of the colons may be empty, and then nothing is ignored.
        let ignored = port.rsplit_once(':').map_or("", |(ignored, _)| ignored);
        if !ignored.trim_matches(':').is_empty() {
            let message = format!("`{port}` says more than the port, which is ignored");
            findings.add_at(line, span, message);
        }
    }
}
