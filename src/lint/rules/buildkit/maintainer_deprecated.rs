//! MAINTAINER.

use crate::dockerfile::Keyword;
use crate::lint::rules::fixes;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "MaintainerDeprecated",
    name: "maintainer-deprecated",
    family: Family::BuildKit,
    twin: Some("DL4000"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `MAINTAINER` instruction.",
        why: "It was given up in favour of labels, which every tool can read and filter by.",
        example: "FROM debian:12\nMAINTAINER Ada <ada@example.org>\n",
        instead: "FROM debian:12\nLABEL org.opencontainers.image.authors=\"Ada <ada@example.org>\"\n",
        references: &["https://docs.docker.com/reference/build-checks/maintainer-deprecated/"],
    },
    check,
    cases: r#"
=== fires at 2:1: wherever it stands
FROM debian:12
MAINTAINER Ada
--- fixed
FROM debian:12
LABEL org.opencontainers.image.authors="Ada"

=== clean: a label
FROM debian:12
LABEL maintainer="Ada"
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        if instruction.keyword == Some(Keyword::Maintainer) {
            let message = "`MAINTAINER` is deprecated; use a label";
            let finding = findings.add(instruction, instruction.name.span, message);
            finding.fix = fixes::as_label(document, instruction);
        }
    }
}
