//! First pass: physical lines become logical ones, with a way back to the file's offsets.

use std::borrow::Cow;

use super::heredoc::Opening;
use super::tree::Instruction;
use crate::diagnostic::{Diagnostic, Span};

/// Bytes that one physical line may have, its line end aside.
const LONGEST_LINE: usize = 65_535;

/// A line of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Physical<'a> {
    /// Offset of the first byte.
    pub(super) start: usize,
    /// Without the line end and without carriage returns before it.
    pub(super) content: &'a str,
    /// As it stands, line end included.
    pub(super) raw: &'a str,
    /// Counted from 1.
    pub(super) number: u32,
}

impl Physical<'_> {
    fn is_comment(&self) -> bool {
        self.content.trim_start().starts_with('#')
    }

    pub(super) fn span(&self) -> Span {
        span(self.start, self.start + self.content.len())
    }
}

/// One instruction's line, with continuations joined and comments taken out.
#[derive(Debug)]
pub(super) struct Logical<'a> {
    pub(super) text: Cow<'a, str>,
    pieces: Vec<Piece>,
    /// First and last physical line, counted from 1. Heredoc bodies come later.
    pub(super) lines: (u32, u32),
    /// The comment lines above.
    pub(super) doc: Option<String>,
    /// The first blank line inside the continued instruction.
    pub(super) blank: Option<Span>,
}

/// Where a run of the logical text, up to the next piece, stands in the file.
#[derive(Debug, Clone, Copy)]
struct Piece {
    logical: usize,
    file: usize,
}

impl Logical<'_> {
    /// The place in the file of `part`, which must be a slice of `self.text`.
    pub(super) fn span(&self, part: &str) -> Span {
        let start = nom::Offset::offset(self.text.as_ref(), part);
        if part.is_empty() {
            let at = match start {
                0 => self.offset(0),
                _ => self.offset(start - 1) + 1,
            };
            return span(at, at);
        }
        span(self.offset(start), self.offset(start + part.len() - 1) + 1)
    }

    fn offset(&self, at: usize) -> usize {
        let next = self.pieces.partition_point(|piece| piece.logical <= at);
        match self.pieces.get(next.saturating_sub(1)) {
            Some(piece) => piece.file + (at - piece.logical),
            None => 0,
        }
    }
}

/// The line of one instruction with continuations joined and comments taken out, and the way back to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// What [`Instruction::text`] is.
    pub text: String,
    /// Where runs of `text` begin: offset in `text`, and offset in the file of the same byte. Never empty, by offset.
    pub pieces: Vec<(u32, u32)>,
}

impl Joined {
    /// Joins the line of `instruction` again, which was parsed from `file`. The one inside of ONBUILD will do as well.
    pub fn new(file: &str, instruction: &Instruction, escape: char) -> Self {
        let mut lines = Lines {
            text: file,
            at: (instruction.span.start as usize).min(file.len()),
            number: 0,
            problems: Vec::new(),
        };
        let (text, pieces) = match lines.logical(escape) {
            Some(line) => (line.text, line.pieces),
            None => (Cow::Borrowed(""), Vec::new()),
        };
        let text = text.trim_end().to_owned();
        let mut pieces: Vec<(u32, u32)> = pieces
            .into_iter()
            .map(|piece| span(piece.logical, piece.file))
            .map(|narrow| (narrow.start, narrow.end))
            .filter(|(at, _)| *at == 0 || (*at as usize) < text.len())
            .collect();
        if pieces.is_empty() {
            pieces.push((0, instruction.span.start));
        }
        Self { text, pieces }
    }
}

/// What a heredoc's lines hold.
#[derive(Debug)]
pub(super) struct Content<'a> {
    /// The lines as they stand, terminator excluded.
    pub(super) raw: &'a str,
    pub(super) span: Span,
    /// Whether the terminator came before the file's end.
    pub(super) terminated: bool,
    /// Offset after the terminator, its line end excluded; of the file's end without one.
    pub(super) end: u32,
    /// The last line looked at.
    pub(super) last_line: u32,
}

/// Walks over a text, physical line by physical line.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a str,
    at: usize,
    number: u32,
    /// Lines that are longer than allowed.
    pub(super) problems: Vec<Diagnostic>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: if text.starts_with('\u{feff}') { 3 } else { 0 },
            number: 0,
            problems: Vec::new(),
        }
    }

    /// The next line, which stays.
    pub(super) fn peek(&self) -> Option<Physical<'a>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let raw = match rest.find('\n') {
            Some(end) => &rest[..=end],
            None => rest,
        };
        Some(Physical {
            start: self.at,
            content: raw.trim_end_matches(['\n', '\r']),
            raw,
            number: self.number + 1,
        })
    }

    /// Takes the next line.
    pub(super) fn advance(&mut self) -> Option<Physical<'a>> {
        let line = self.peek()?;
        self.at += line.raw.len();
        self.number += 1;
        if line.raw.trim_end_matches('\n').len() > LONGEST_LINE {
            self.problems.push(
                Diagnostic::error(
                    "line-too-long",
                    line.span(),
                    format!("line {} is longer than {LONGEST_LINE} bytes", line.number),
                )
                .help("cut it with continuations, or move the text into a file"),
            );
        }
        Some(line)
    }

    /// Takes lines up to the end of the next instruction's line, if there is one.
    pub(super) fn logical(&mut self, escape: char) -> Option<Logical<'a>> {
        let mut doc: Vec<&str> = Vec::new();
        let (first, indent) = loop {
            let line = self.advance()?;
            let trimmed = line.content.trim_start();
            match trimmed.strip_prefix('#').map(str::trim) {
                Some("") => doc.clear(),
                Some(comment) => doc.push(comment),
                None if trimmed.is_empty() => {}
                None => break (line, line.content.len() - trimmed.len()),
            }
        };
        let (part, mut open) = cut_continuation(&first.content[indent..], escape);
        let mut logical = Logical {
            text: Cow::Borrowed(part),
            pieces: vec![Piece {
                logical: 0,
                file: first.start + indent,
            }],
            lines: (first.number, first.number),
            doc: (!doc.is_empty()).then(|| doc.join("\n")),
            blank: None,
        };
        while open {
            let Some(line) = self.advance() else { break };
            logical.lines.1 = line.number;
            if line.is_comment() {
                continue;
            }
            if line.content.trim_start().is_empty() {
                logical.blank.get_or_insert(line.span());
                continue;
            }
            let (part, more) = cut_continuation(line.content, escape);
            open = more;
            if part.is_empty() {
                continue;
            }
            let piece = Piece {
                logical: logical.text.len(),
                file: line.start,
            };
            if logical.text.is_empty() {
                logical.pieces.clear();
            }
            logical.pieces.push(piece);
            logical.text.to_mut().push_str(part);
        }
        Some(logical)
    }

    /// Takes the lines of a heredoc's body and its terminator.
    pub(super) fn body(&mut self, opening: &Opening<'_>) -> Content<'a> {
        let start = self.at;
        let mut stop = start;
        let mut terminator = None;
        while terminator.is_none()
            && let Some(line) = self.advance()
        {
            let candidate = match opening.strip_tabs {
                true => line.content.trim_start_matches('\t'),
                false => line.content,
            };
            if candidate == opening.name {
                terminator = Some(line.span().end);
            } else {
                stop = self.at;
            }
        }
        Content {
            raw: &self.text[start..stop],
            span: span(start, stop),
            terminated: terminator.is_some(),
            end: terminator.unwrap_or(span(start, stop).end),
            last_line: self.number,
        }
    }
}

/// `line` without the escape character that ends it, and whether there was one.
///
/// Blanks may follow the character; another one before it takes its meaning away.
fn cut_continuation(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(part) if !part.ends_with(escape) => (part, true),
        _ => (line, false),
    }
}

/// Offsets fit: `parse` refuses texts of 4 GiB and more.
fn span(start: usize, end: usize) -> Span {
    let narrow = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
    Span::new(narrow(start), narrow(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_lead_back_across_continuations() {
        let text = "\u{feff}# doc\n  RUN a \\\n# no\n\n  b\\\n\u{e9}c d\nNEXT";
        let mut lines = Lines::new(text);
        let line = lines.logical('\\').expect("an instruction");
        assert_eq!(line.text, "RUN a   b\u{e9}c d");
        assert_eq!((line.lines, line.doc.as_deref()), ((2, 6), Some("doc")));
        let place = |part: &str| {
            let at = line.text.find(part).expect("the part is there");
            let span = line.span(&line.text[at..at + part.len()]);
            &text[span.start as usize..span.end as usize]
        };
        for part in ["RUN", "a", "b", "\u{e9}", "d"] {
            assert_eq!(place(part), part);
        }
        assert_eq!(place("b\u{e9}c"), "b\\\n\u{e9}c");
        assert_eq!(place("a   b"), "a \\\n# no\n\n  b");
        let end = line.span(&line.text[line.text.len()..]);
        assert_eq!(&text[end.start as usize..], "\nNEXT");
    }

    #[test]
    fn a_line_has_at_most_65535_bytes() {
        for (length, end, problems) in [(65_535, "", 0), (65_535, "\n", 0), (65_536, "", 1), (65_535, "\r\n", 1)] {
            let text = "#".repeat(length) + end;
            let mut lines = Lines::new(&text);
            assert!(lines.logical('\\').is_none());
            assert_eq!(lines.problems.len(), problems, "{length} and {end:?}");
        }
    }
}
