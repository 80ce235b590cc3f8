//! Comments that silence nothing.

use crate::diagnostic::Span;
use crate::lint::pragmas::{Pragma, Scope, pragmas};
use crate::lint::silence::Uses;
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, Selection, State, lint};

pub(in crate::lint) static RULE: Rule = Rule {
    code: "VV001",
    name: "unused-ignore",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A comment that silences a rule where the rule finds nothing.",
        why: "What it was written for is gone, or it stands in the wrong place: `ignore=` is about the very next line \
              only. The next real finding there would be silenced unseen.",
        example: "FROM debian:12\n# hadolint ignore=DL3000\nWORKDIR /app\n",
        instead: "FROM debian:12\nWORKDIR /app\n",
        references: &["https://github.com/hadolint/hadolint#inline-ignores"],
    },
    check,
    cases: "
=== fires at 2:19: nothing to silence
FROM debian:12
# hadolint ignore=DL3000
WORKDIR /app
--- fixed
FROM debian:12
WORKDIR /app

=== fires at 2:26: one of two, and its reason stays
FROM debian:12
# hadolint ignore=DL3000,DL4000 # so be it
WORKDIR app
--- fixed
FROM debian:12
# hadolint ignore=DL3000 # so be it
WORKDIR app

=== fires at 3:16: a first of two
FROM debian:12

# varve ignore=DL4000 ,  relative-workdir
WORKDIR app
--- fixed
FROM debian:12

# varve ignore=relative-workdir
WORKDIR app

=== fires on 2: a blank line between
FROM debian:12
# hadolint ignore=DL3000

WORKDIR app

=== fires on 1: not in that stage
# hadolint stage ignore=DL4000
FROM debian:12
FROM debian:12
MAINTAINER Ada

=== clean: something to silence
# hadolint global ignore=DL4000
FROM debian:12
# hadolint ignore=DL3000
WORKDIR app
MAINTAINER Ada

=== clean: nobody knows what ShellCheck would say, and what is not looked at finds nothing
FROM debian:12
# hadolint ignore=SC2086,VV001
WORKDIR /app
",
};

/// For a document alone. `silence` does the same with the findings that it has at hand.
fn check(document: &Document<'_>, findings: &mut Findings) {
    let mut selection = Selection::default();
    selection.levels.insert(RULE.code.to_owned(), None);
    let (pragmas, _) = pragmas(document);
    let mut uses = Uses::new(&pragmas);
    for finding in lint(document, &selection) {
        uses.silence(&finding);
    }
    uses.unused(document, &selection, findings);
}

/// Adds a finding about the codes of `pragma` at the positions `idle`.
pub(in crate::lint) fn add(document: &Document<'_>, pragma: &Pragma<'_>, idle: &[usize], findings: &mut Findings) {
    let Some(&first) = idle.first() else { return };
    let codes = |most: usize| {
        let mut codes: Vec<String> = (idle.iter().take(most))
            .map(|&at| format!("`{}`", document.text(pragma.codes[at].1)))
            .collect();
        if idle.len() > most {
            codes.push(format!("{} more", idle.len() - most));
        }
        codes.join(", ")
    };
    let place = match pragma.scope {
        Scope::NextLine => "on the next line",
        Scope::Stage(_) => "in this stage",
        Scope::File => "in this file",
    };
    let finding = findings.add_at(
        pragma.line,
        pragma.codes[first].1,
        format!("nothing of {} is found {place}", codes(5)),
    );
    finding.fix(match idle.len() == pragma.codes.len() {
        true => Fix::safe(
            "remove the comment",
            vec![Edit::delete(whole_line(document, pragma.span))],
        ),
        false => Fix::safe(format!("remove {}", codes(2)), shorten(pragma, idle)),
    });
}

/// The line that `span` is on, with its end.
fn whole_line(document: &Document<'_>, span: Span) -> Span {
    let text = document.source.text();
    let start = text[..span.start as usize].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end as usize..]
        .find('\n')
        .map_or(text.len(), |at| span.end as usize + at + 1);
    Span::new(start as u32, end as u32)
}

/// Takes codes out of a list in which some stay.
fn shorten(pragma: &Pragma<'_>, idle: &[usize]) -> Vec<Edit> {
    let mut stays = vec![true; pragma.codes.len()];
    for &at in idle {
        stays[at] = false;
    }
    let first = stays.iter().position(|stays| *stays).unwrap_or_default();
    let mut edits = Vec::new();
    if first > 0 {
        // Up to the first that stays.
        edits.push(Edit::delete(Span::new(
            pragma.codes[0].1.start,
            pragma.codes[first].1.start,
        )));
    }
    for at in (first + 1..pragma.codes.len()).filter(|&at| !stays[at]) {
        // With the comma in front.
        edits.push(Edit::delete(Span::new(
            pragma.codes[at - 1].1.end,
            pragma.codes[at].1.end,
        )));
    }
    edits
}
