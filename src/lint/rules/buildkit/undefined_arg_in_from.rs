//! FROM with a variable that is not declared.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "UndefinedArgInFrom",
    name: "undefined-arg-in-from",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `FROM` that uses a variable which no `ARG` above the first `FROM` declares.",
        why: "It is empty there, whatever `--build-arg` says.",
        example: "ARG VERSION=12\nFROM debian:${VERISON}\n",
        instead: "ARG VERSION=12\nFROM debian:${VERSION}\n",
        references: &["https://docs.docker.com/reference/build-checks/undefined-arg-in-from/"],
    },
    check,
    cases: "
=== fires at 2:13, 4:39, 5:23: in the name and in the platform
ARG VERSION=12
FROM debian:${VERISON} AS a
ARG LATE=1
FROM --platform=$BUILDPLATFORM debian:$LATE
FROM --platform=linux/$ARCH debian:$VERSION

=== clean: declared, if without a value, and what builders define
ARG VERSION
FROM debian:$VERSION
FROM --platform=$BUILDPLATFORM debian:12-$TARGETARCH
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let froms = &document.scopes().froms;
    for (stage, from) in document.stages().iter().zip(froms) {
        for undefined in &from.undefined {
            let name = &undefined.name;
            let message = format!("no `ARG` above the first `FROM` declares `{name}`");
            let finding = findings.add(stage.from, undefined.span, message);
            if let Some(near) = &undefined.near {
                finding.help(format!("did you mean `${near}`?"));
            }
        }
    }
}
