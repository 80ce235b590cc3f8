//! MAINTAINER.

use crate::dockerfile::Keyword;
use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL4000",
    name: "maintainer",
    family: Family::Hadolint,
    twin: Some("MaintainerDeprecated"),
    level: Level::Error,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `MAINTAINER` instruction.",
        why: "It was given up in favour of labels, which every tool can read and filter by.",
        example: "FROM debian:12\nMAINTAINER Ada <ada@example.org>\n",
        instead: "FROM debian:12\nLABEL org.opencontainers.image.authors=\"Ada <ada@example.org>\"\n",
        references: &["https://docs.docker.com/reference/dockerfile/#maintainer-deprecated"],
    },
    check,
    cases: "
=== fires at 2:1: wherever it stands
FROM debian:12
MAINTAINER Ada \"the first\" <ada@example.org>
--- fixed
FROM debian:12
LABEL org.opencontainers.image.authors=\"Ada \\\"the first\\\" <ada@example.org>\"

=== fires on 2, 3: quotes around all of it go, others stay
FROM debian:12
MAINTAINER \"Ada\"
MAINTAINER \"Ada\" <ada@example.org>
--- fixed
FROM debian:12
LABEL org.opencontainers.image.authors=\"Ada\"
LABEL org.opencontainers.image.authors=\"\\\"Ada\\\" <ada@example.org>\"

=== clean: a label
FROM debian:12
LABEL maintainer=\"Ada\"
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        if instruction.keyword == Some(Keyword::Maintainer) {
            let finding = findings.add(instruction, instruction.span, "`MAINTAINER` is deprecated; use a label");
            finding.fix = fixes::as_label(document, instruction);
        }
    }
}
