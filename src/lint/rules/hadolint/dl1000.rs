//! What can't be read.

use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL1000",
    name: "syntax-error",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An instruction that builders refuse.",
        why: "The build stops there. The rest of the file is looked at all the same, so that one mistake does not hide \
              others.",
        example: "FROM debian:12\nRUNN true\n",
        instead: "FROM debian:12\nRUN true\n",
        references: &["https://docs.docker.com/reference/dockerfile/"],
    },
    check,
    cases: "
=== fires at 2:1, 4:6: every mistake by itself
FROM debian:12
RUNN true
RUN true
COPY --form=a b /c

=== fires on 1: no instruction at all
# a comment

=== clean: a heredoc, and a shell that only a shell can judge
FROM debian:12
RUN <<EOF
if
EOF
RUN if
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    // Bad triggers are found by DL3043.
    let is_meant = |it: &&Diagnostic| it.severity == Severity::Error && it.code != "bad-trigger";
    for diagnostic in document.parsed.diagnostics.iter().filter(is_meant) {
        let span = diagnostic.span.unwrap_or(Span::new(0, 0));
        let line = document.source.position(span.start).line;
        let finding = findings.add_at(line, span, diagnostic.message.clone());
        finding.help.clone_from(&diagnostic.help);
    }
}
