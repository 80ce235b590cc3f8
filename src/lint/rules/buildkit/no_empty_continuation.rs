//! Blank lines inside an instruction.

use crate::diagnostic::Span;
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "NoEmptyContinuation",
    name: "no-empty-continuation",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A blank line after a continued one.",
        why: "The instruction goes on below it, which is easily overlooked. It will be an error one day.",
        example: "FROM debian:12\nRUN true \\\n\n    && false\n",
        instead: "FROM debian:12\nRUN true \\\n    && false\n",
        references: &["https://docs.docker.com/reference/build-checks/no-empty-continuation/"],
    },
    check,
    cases: r#"
=== fires at 3:1: the blank line
FROM debian:12
RUN true \

    && false
--- fixed
FROM debian:12
RUN true \
    && false

=== fires at 3:1: one finding for several
FROM debian:12
RUN a \

    # a comment
  
    && b
--- fixed
FROM debian:12
RUN a \
    # a comment
    && b

=== fires on 6: hadolint has no such rule; builders name the last line
FROM debian:12
RUN a \


  && b \
  && c
--- fixed
FROM debian:12
RUN a \
  && b \
  && c

=== clean: comments, and blank lines in a heredoc
FROM debian:12
RUN true \
    # why
    && false
RUN <<EOF
a \

b
EOF
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let diagnostics = document.parsed.diagnostics.iter();
    let mut instructions = document.instructions().iter().peekable();
    for diagnostic in diagnostics.filter(|diagnostic| diagnostic.code == "no-empty-continuation") {
        let Some(span) = diagnostic.span else { continue };
        let line = document.source.position(span.start).line;
        while instructions.next_if(|it| it.lines.1 < line).is_some() {}
        let Some(instruction) = instructions.peek() else {
            continue;
        };
        let edits: Vec<Edit> = blank_lines(document, line, instruction.span.end)
            .into_iter()
            .map(Edit::delete)
            .collect();
        // Heredoc bodies come later, and are no part of what is continued.
        let end = instruction.heredocs.first().map_or(instruction.lines.1, |heredoc| {
            document.source.position(heredoc.body_span.start).line.saturating_sub(1)
        });
        let finding = findings.add_at(end, span, "there is a blank line inside an instruction");
        if !edits.is_empty() {
            finding.fix(Fix::safe("remove the blank lines", edits));
        }
    }
}

/// The blank lines from the line `first` up to the offset `end`, as long as every line between is continued.
fn blank_lines(document: &Document<'_>, first: u32, end: u32) -> Vec<Span> {
    let text = document.source.text();
    let mut start = document.source.start_of(first);
    let mut blank = Vec::new();
    while start < end {
        let rest = &text[start as usize..];
        let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let line = rest[..length].trim();
        if line.is_empty() {
            blank.push(Span::new(start, start + length as u32));
        } else if !line.starts_with('#') && !line.ends_with(document.escape()) {
            break;
        }
        start += length as u32;
    }
    blank
}
