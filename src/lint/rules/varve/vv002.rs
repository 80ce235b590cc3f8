//! Comments that look as if they silenced something.

use crate::lint::pragmas::pragmas;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV002",
    name: "void-ignore",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `# hadolint ignore=` comment that is written so that it counts for nothing.",
        why: "One mistake in the list of codes, or a reason without a `#` of its own, and the whole comment is passed \
              over without a word.",
        example: "FROM debian:12\n# hadolint ignore=DL3000 as it always was\nWORKDIR app\n",
        instead: "FROM debian:12\n# hadolint ignore=DL3000 # as it always was\nWORKDIR app\n",
        references: &["https://github.com/hadolint/hadolint#inline-ignores"],
    },
    check,
    cases: "
=== fires at 2:1: a reason without `#`
FROM debian:12
# hadolint ignore=DL3000 legacy
WORKDIR app

=== fires at 2:3: codes that hadolint does not have, and none at all
FROM debian:12
  # hadolint ignore=DL3000,VV001
WORKDIR app

=== fires on 1, 2: no code, no `=`
# hadolint ignore=
# hadolint global ignore DL3000
FROM debian:12

=== clean: good ones, and other comments
FROM debian:12
# hadolint is quiet here
# hadolint: ignore=DL3000
# Hadolint ignore=x
# varve ignore=relative-workdir # as it always was
WORKDIR app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let (_, voids) = pragmas(document);
    for void in voids {
        let message = format!("this comment silences nothing: {}", void.why);
        let finding = findings.add_at(void.comment.line, void.comment.span, message);
        finding.help(
            "write `# hadolint ignore=CODE,CODE # reason`, or `# varve ignore=…` for codes that are not hadolint's",
        );
    }
}
