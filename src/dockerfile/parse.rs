//! The way in: a whole file, or the single instruction of a trigger.

use super::directive;
use super::heredoc::{self, Opening};
use super::instruction::Reader;
use super::lines::{Lines, Logical};
use super::rules;
use super::tree::{Body, Dockerfile, Heredoc, Instruction, Keyword, Word};
use crate::diagnostic::Diagnostic;

/// A Dockerfile as far as it could be read, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The tree; complete when no diagnostic is an error.
    pub dockerfile: Dockerfile,
    /// Problems in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// A trigger as far as it could be read, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedInstruction {
    /// The instruction, unless the text held none or several.
    pub instruction: Option<Instruction>,
    /// Problems in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a Dockerfile. Spans are offsets in `text`.
pub fn parse(text: &str) -> Parsed {
    let mut diagnostics = Vec::new();
    let text = bounded(text, &mut diagnostics);
    let mut lines = Lines::new(text);
    let (directives, escape) = directive::read(&mut lines, &mut diagnostics);
    let instructions = instructions(lines, escape, &mut diagnostics);
    if instructions.is_empty() && diagnostics.is_empty() {
        diagnostics.push(
            Diagnostic::error("no-instructions", None, "the file has no instructions")
                .help("a Dockerfile needs at least a `FROM`"),
        );
    }
    let dockerfile = Dockerfile {
        directives,
        escape,
        instructions,
    };
    Parsed {
        dockerfile,
        diagnostics: in_order(diagnostics),
    }
}

/// Reads the text of an ONBUILD trigger, which must hold exactly one instruction, heredoc bodies included.
///
/// Directives mean nothing in it. Spans are offsets in `text`.
pub fn parse_instruction(text: &str, escape: char) -> ParsedInstruction {
    let mut diagnostics = Vec::new();
    let text = bounded(text, &mut diagnostics);
    let mut instructions = instructions(Lines::new(text), escape, &mut diagnostics);
    let second = instructions.get(1).map(|instruction| instruction.span);
    let instruction = instructions.pop();
    if second.is_some() || instruction.is_none() {
        diagnostics.push(Diagnostic::error(
            "not-one-instruction",
            second,
            "a trigger must be exactly one instruction",
        ));
    }
    ParsedInstruction {
        instruction: instruction.filter(|_| second.is_none()),
        diagnostics: in_order(diagnostics),
    }
}

/// `text`, or nothing of it when its offsets wouldn't fit a [`Span`].
fn bounded<'a>(text: &'a str, diagnostics: &mut Vec<Diagnostic>) -> &'a str {
    if u32::try_from(text.len()).is_ok_and(|len| len < u32::MAX) {
        return text;
    }
    diagnostics.push(Diagnostic::error(
        "file-too-large",
        None,
        "the file is larger than 4 GiB",
    ));
    ""
}

fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.map_or(0, |span| span.start));
    diagnostics
}

fn instructions(mut lines: Lines<'_>, escape: char, diagnostics: &mut Vec<Diagnostic>) -> Vec<Instruction> {
    let mut instructions: Vec<Instruction> = Vec::new();
    while let Some(line) = lines.logical(escape) {
        if let Some(blank) = line.blank {
            diagnostics.push(
                Diagnostic::warning(
                    "no-empty-continuation",
                    blank,
                    "there is an empty line inside a continued instruction",
                )
                .help("remove it, or put a `#` there"),
            );
        }
        let reader = Reader { line: &line, escape };
        let mut instruction = reader.instruction(diagnostics);
        if takes_heredocs(&instruction) {
            take_heredocs(&mut lines, &line, &mut instruction, diagnostics);
        }
        rules::check(&instruction, instructions.last(), escape, diagnostics);
        instructions.push(instruction);
    }
    diagnostics.append(&mut lines.problems);
    instructions
}

fn takes_heredocs(instruction: &Instruction) -> bool {
    match &instruction.body {
        Body::Onbuild(inner) => takes_heredocs(inner),
        Body::Json(_) => false,
        _ => instruction.keyword.is_some_and(Keyword::takes_heredocs),
    }
}

/// Reads the bodies that follow the line.
fn take_heredocs(
    lines: &mut Lines<'_>,
    line: &Logical<'_>,
    instruction: &mut Instruction,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut heredocs = Vec::new();
    let openings = heredoc::openings(&line.text);
    for opening in &openings {
        let span = line.span(opening.word);
        let content = lines.body(opening);
        if !content.terminated {
            diagnostics.push(rules::unterminated_heredoc(opening, span));
        }
        instruction.span.end = content.end;
        instruction.lines.1 = content.last_line;
        let body = match opening.strip_tabs {
            true => without_tabs(content.raw),
            false => content.raw.to_owned(),
        };
        heredocs.push(Heredoc {
            name: opening.name.clone(),
            expand: opening.expand,
            strip_tabs: opening.strip_tabs,
            descriptor: opening.descriptor,
            body,
            raw_body: content.raw.to_owned(),
            span,
            body_span: content.span,
        });
    }
    if let Body::Onbuild(inner) = &mut instruction.body {
        inner.span.end = instruction.span.end;
        inner.lines = instruction.lines;
        inner.heredocs.clone_from(&heredocs);
        join_words(&mut inner.body, &heredocs, &openings);
    } else {
        join_words(&mut instruction.body, &heredocs, &openings);
    }
    instruction.heredocs = heredocs;
}

fn without_tabs(body: &str) -> String {
    body.split_inclusive('\n')
        .map(|line| line.trim_start_matches('\t'))
        .collect()
}

/// Makes one word of each heredoc: blanks may stand in it, and words were split at blanks.
fn join_words(body: &mut Body, heredocs: &[Heredoc], openings: &[Opening<'_>]) {
    let Body::Words(words) = body else { return };
    let mut joined: Vec<Word> = Vec::with_capacity(words.len());
    let mut heredocs = heredocs.iter().zip(openings).peekable();
    for word in words.drain(..) {
        while heredocs
            .next_if(|(heredoc, _)| heredoc.span.end <= word.span.start)
            .is_some()
        {}
        match heredocs.peek() {
            Some((heredoc, opening)) if heredoc.span.start == word.span.start => joined.push(Word {
                text: opening.word.to_owned(),
                span: heredoc.span,
            }),
            Some((heredoc, _)) if heredoc.span.start < word.span.start => {}
            _ => joined.push(word),
        }
    }
    *words = joined;
}
