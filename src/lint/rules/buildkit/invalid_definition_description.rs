//! Comments that do not begin with the name.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "InvalidDefinitionDescription",
    name: "invalid-definition-description",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::Off,
    fixable: Fixable::No,
    docs: Docs {
        what: "A comment right above an `ARG` or a named `FROM` that does not begin with its name.",
        why: "`docker build --call=outline` shows such comments as descriptions. A comment that is meant otherwise is \
              parted from the instruction by an empty comment.",
        example: "# the version of Debian\nARG VERSION=12\nFROM debian:$VERSION\n",
        instead: "# VERSION is that of Debian\nARG VERSION=12\nFROM debian:$VERSION\n",
        references: &["https://docs.docker.com/reference/build-checks/invalid-definition-description/"],
    },
    check,
    cases: "
=== fires at 2:5, 4:16, 7:5: arguments and stages; of several lines the last one counts
# the version
ARG VERSION=12
# builds
FROM debian AS build
# B is the second
# and A too
ARG A B

=== clean: names, other instructions, stages without a name, and comments set apart
# VERSION is that of Debian
ARG VERSION=12
# something else
#
ARG OTHER
# a stage
FROM debian
# B or A
ARG A B
# true
RUN true
# base for all
FROM debian AS base
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        let Some(comment) = instruction.doc.as_deref().and_then(|doc| doc.lines().last()) else {
            continue;
        };
        let (names, span, what) = match (instruction.keyword, &instruction.body) {
            (Some(Keyword::Arg), Body::Pairs { pairs, .. }) => {
                let names: Vec<String> = pairs.iter().map(|pair| pair.key.text.clone()).collect();
                let Some(first) = pairs.first() else { continue };
                (names, first.key.span, "argument")
            }
            (Some(Keyword::From), Body::Words(words)) => match words.as_slice() {
                [_, keyword, name] if keyword.text.eq_ignore_ascii_case("as") => {
                    (vec![name.text.to_lowercase()], name.span, "stage")
                }
                _ => continue,
            },
            _ => continue,
        };
        let begins = comment.split(' ').next().unwrap_or_default();
        if !names.iter().any(|name| name == begins) {
            findings.add(
                instruction,
                span,
                format!(
                    "the comment above does not begin with the name of the {what}, `{}`",
                    names[0]
                ),
            );
        }
    }
}
