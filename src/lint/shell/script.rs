//! The text that a shell gets, and the way back to the file.

use super::command::Command;
use super::{Form, heredoc, parse};
use crate::diagnostic::Span;
use crate::dockerfile::{Body, Instruction, Joined};
use crate::lint::document::Document;
use std::ops::Range;

/// The text that a shell gets, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// Continuations are joined and comment lines taken out, as a build does it.
    pub text: String,
    /// Whether `text` is no valid shell. Then there are no commands.
    pub broken: bool,
    /// Whether `text` is longer or nests deeper than what is looked at. Then it counts as broken too.
    pub unread: bool,
    /// In order of writing.
    pub commands: Vec<Command>,
    /// Every `|` and `|&`.
    pub pipes: Vec<Span>,
    pieces: Vec<Piece>,
}

/// A run of the script that stands together in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    script: usize,
    file: u32,
    /// Where the file's side ends when the two are not the same bytes.
    whole: Option<u32>,
}

impl Script {
    /// The place in the file of these bytes of [`Script::text`]. An empty range gives an empty span.
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = self.offset(range.start, false);
        if range.end <= range.start {
            return Span::new(start, start);
        }
        Span::new(start, self.offset(range.end - 1, true).max(start))
    }

    /// Where the byte at `at` begins in the file, or where it ends.
    fn offset(&self, at: usize, end: bool) -> u32 {
        let next = self.pieces.partition_point(|piece| piece.script <= at);
        let Some(piece) = next.checked_sub(1).and_then(|at| self.pieces.get(at)) else {
            return 0;
        };
        match piece.whole {
            Some(whole) if end => whole,
            Some(_) => piece.file,
            None => piece.file.saturating_add((at - piece.script) as u32 + u32::from(end)),
        }
    }

    /// Whether these bytes stand in the file as they are, without a break: whether text may be put between them.
    pub fn is_exact(&self, range: Range<usize>) -> bool {
        let piece = |at| self.pieces.partition_point(|piece| piece.script <= at);
        let (first, last) = (piece(range.start), piece(range.end.saturating_sub(1).max(range.start)));
        first == last && first > 0 && self.pieces[first - 1].whole.is_none()
    }

    /// Adds text that stands in the file from `file` on.
    pub(super) fn push(&mut self, text: &str, file: u32) {
        self.pieces.push(Piece {
            script: self.text.len(),
            file,
            whole: None,
        });
        self.text.push_str(text);
    }

    /// Adds text that stands for all of `span`.
    pub(super) fn push_for(&mut self, text: &str, span: Span) {
        self.pieces.push(Piece {
            script: self.text.len(),
            file: span.start,
            whole: Some(span.end),
        });
        self.text.push_str(text);
    }
}

/// The script of `run`, how it is written, and what follows `#!` in a heredoc that begins with it.
pub(super) fn read(document: &Document<'_>, run: &Instruction) -> (Form, Script, Option<String>) {
    let mut script = Script::default();
    let mut shebang = None;
    let form = match &run.body {
        Body::Json(words) => {
            for (at, word) in words.iter().enumerate() {
                if at > 0 {
                    script.push_for(" ", Span::new(word.span.start, word.span.start));
                }
                let inside = Span::new(word.span.start + 1, word.span.end.saturating_sub(1));
                match document.text(inside) == word.text {
                    true => script.push(&word.text, inside.start),
                    false => script.push_for(&word.text, inside),
                }
            }
            Form::Exec
        }
        _ => match heredoc::script_of(run) {
            Some(heredoc) => {
                body(&mut script, heredoc);
                shebang = script
                    .text
                    .strip_prefix("#!")
                    .map(|text| text.lines().next().unwrap_or_default().to_owned());
                Form::Heredoc
            }
            None => {
                line(document, &mut script, run);
                for heredoc in &run.heredocs {
                    let end = heredoc.body_span.end;
                    script.push_for("\n", Span::new(heredoc.body_span.start, heredoc.body_span.start));
                    script.push(&heredoc.raw_body, heredoc.body_span.start);
                    script.push_for(&heredoc.name, Span::new(end, end));
                }
                Form::Shell
            }
        },
    };
    let foreign = shebang
        .as_deref()
        .is_some_and(|line| super::Shell::of_shebang(line).dialect == super::Dialect::Foreign);
    if !foreign {
        parse::parse(&mut script);
    }
    (form, script, shebang)
}

/// What follows the keyword and its flags.
fn line(document: &Document<'_>, script: &mut Script, run: &Instruction) {
    let joined = Joined::new(document.source.text(), run, document.escape());
    let Some(skip) = joined
        .text
        .len()
        .checked_sub(run.rest.len())
        .filter(|_| joined.text.ends_with(&run.rest))
    else {
        script.push_for(&run.rest, run.span);
        return;
    };
    let ends = joined
        .pieces
        .iter()
        .skip(1)
        .map(|piece| piece.0 as usize)
        .chain([joined.text.len()]);
    for (&(at, file), end) in joined.pieces.iter().zip(ends) {
        let start = (at as usize).max(skip);
        if start < end {
            script.push(&joined.text[start..end], file + (start - at as usize) as u32);
        }
    }
}

/// The body of a heredoc that is a script of its own.
fn body(script: &mut Script, heredoc: &crate::dockerfile::Heredoc) {
    let mut at = heredoc.body_span.start;
    for line in heredoc.raw_body.split_inclusive('\n') {
        let kept = match heredoc.strip_tabs {
            true => line.trim_start_matches('\t'),
            false => line,
        };
        let cut = (line.len() - kept.len()) as u32;
        match kept.strip_suffix("\r\n") {
            Some(text) => {
                script.push(text, at + cut);
                script.push("\n", at + line.len() as u32 - 1);
            }
            None => script.push(kept, at + cut),
        }
        at += line.len() as u32;
    }
}
