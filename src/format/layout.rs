//! Puts a file together again, line by line.

use super::pieces::{Cutter, Gap, Piece};
use super::same::{is_same_file, is_same_instruction};
use super::shell::Dialect;
use super::sort::{self, Begin};
use crate::diagnostic::{Diagnostic, Severity};
use crate::dockerfile::{Body, Instruction, Keyword, Parsed, parse, parse_instruction};
use std::collections::BTreeSet;

/// Columns of a continued line's indent, and of each further level.
const INDENT: usize = 4;

/// Why a text can't be laid out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The parser finds errors in it.
    #[error("the file has errors")]
    Broken(Vec<Diagnostic>),
}

/// Lays `text` out evenly. Doing so twice changes nothing more.
///
/// # Errors
///
/// [`FormatError::Broken`] when the parser finds errors in it.
pub fn format(text: &str) -> Result<String, FormatError> {
    let parsed = parse(text);
    if is_broken(&parsed) {
        return Err(FormatError::Broken(parsed.diagnostics));
    }
    let layout = Layout::new(text, &parsed);
    let marked: Vec<bool> = (0..parsed.dockerfile.instructions.len())
        .map(|index| layout.has_mark(index))
        .map(|(above, inside)| above || inside)
        .collect();
    // Without the blank lines at the top a comment may become a directive.
    for keep_top in [false, true] {
        let new = layout.file(keep_top);
        let again = parse(&new);
        if !is_broken(&again) && is_same_file(&parsed.dockerfile, &again.dockerfile, &marked) {
            return Ok(new);
        }
    }
    Ok(text.to_owned())
}

fn is_broken(parsed: &Parsed) -> bool {
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    parsed.diagnostics.iter().any(is_error)
}

/// A line between instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item<'a> {
    Blank,
    Comment(&'a str),
}

struct Layout<'a> {
    text: &'a str,
    parsed: &'a Parsed,
    cutter: Cutter<'a>,
    line_end: &'static str,
}

impl<'a> Layout<'a> {
    fn new(text: &'a str, parsed: &'a Parsed) -> Self {
        let all = text.matches('\n').count();
        let with_return = text.matches("\r\n").count();
        Self {
            text,
            parsed,
            cutter: Cutter {
                text,
                escape: parsed.dockerfile.escape,
                dialect: Dialect::of(&parsed.dockerfile),
            },
            line_end: if with_return * 2 > all { "\r\n" } else { "\n" },
        }
    }

    fn file(&self, keep_top: bool) -> String {
        let mut out = String::with_capacity(self.text.len() + self.text.len() / 8);
        let mut at = 0;
        if self.text.starts_with('\u{feff}') {
            out.push('\u{feff}');
            at = 3;
        }
        let mut stages = 0;
        for (index, instruction) in self.parsed.dockerfile.instructions.iter().enumerate() {
            let start = instruction.span.start as usize;
            let mut items = self.items(&self.text[at..start], index == 0);
            if index == 0 && !keep_top {
                drop_blank(&mut items);
            }
            if instruction.keyword == Some(Keyword::From) {
                if stages > 0 {
                    let below = items
                        .iter()
                        .rposition(|item| *item == Item::Blank)
                        .map_or(0, |blank| blank + 1);
                    if below == 0 || items.is_empty() {
                        items.insert(0, Item::Blank);
                    }
                }
                stages += 1;
            }
            self.push_items(&items, &mut out);
            self.instruction(index, instruction, &mut out);
            out.push_str(self.line_end);
            at = instruction.span.end as usize;
        }
        let mut items = self.items(&self.text[at..], false);
        if items.last() == Some(&Item::Blank) {
            items.pop();
        }
        self.push_items(&items, &mut out);
        out
    }

    fn push_items(&self, items: &[Item<'a>], out: &mut String) {
        for item in items {
            if let Item::Comment(text) = item {
                match self.directive(text) {
                    Some(directive) => out.push_str(&directive),
                    None => out.push_str(text),
                }
            }
            out.push_str(self.line_end);
        }
    }

    /// The directive that the comment line `text` is, evenly written.
    fn directive(&self, text: &str) -> Option<String> {
        let at = (text.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        let directives = &self.parsed.dockerfile.directives;
        let inside = |directive: &&crate::dockerfile::Directive| {
            (directive.span.start as usize..directive.span.end as usize).contains(&at)
        };
        let found = directives.iter().take(3).find(inside)?;
        Some(format!("# {}={}", found.key, found.value))
    }

    /// The lines of a text between instructions, never two blank ones in a row. What precedes the first line feed
    /// is the rest of an instruction's line, except at the top.
    fn items(&self, between: &'a str, top: bool) -> Vec<Item<'a>> {
        let mut items: Vec<Item<'a>> = Vec::new();
        let mut lines: Vec<&str> = between.split('\n').collect();
        // What follows the last line feed is the indent of the next instruction, or nothing.
        let last = lines.pop();
        if last.is_some_and(|line| line.trim_start().starts_with('#')) {
            lines.extend(last);
        }
        for line in lines.into_iter().skip(if top { 0 } else { 1 }) {
            let trimmed = line.trim();
            if trimmed.starts_with("#!") && !line.starts_with('#') {
                // At the first column it would be an interpreter's line.
                items.push(Item::Comment(line.trim_end()));
            } else if trimmed.starts_with('#') {
                items.push(Item::Comment(trimmed));
            } else if trimmed.is_empty() && items.last() != Some(&Item::Blank) {
                items.push(Item::Blank);
            }
        }
        items
    }

    /// Whether a comment above the instruction at `index`, or in it, asks for lists to be sorted.
    fn has_mark(&self, index: usize) -> (bool, bool) {
        let all = &self.parsed.dockerfile.instructions;
        let before = index.checked_sub(1).and_then(|before| all.get(before));
        let from = before.map_or(0, |before| before.span.end as usize);
        let span = all[index].span;
        let marked = |text: &str| {
            let mut comments = text.lines().map(str::trim).filter(|line| line.starts_with('#'));
            comments.any(sort::is_mark)
        };
        let above = marked(&self.text[from..span.start as usize]);
        (above, marked(&self.text[span.start as usize..span.end as usize]))
    }

    fn instruction(&self, index: usize, instruction: &Instruction, out: &mut String) {
        let source = &self.text[instruction.span.start as usize..instruction.span.end as usize];
        match self.laid_out(index, instruction) {
            Some(text) => out.push_str(&text),
            None => out.push_str(source),
        }
    }

    /// The instruction evenly written, if that can be done without changing it.
    fn laid_out(&self, index: usize, instruction: &Instruction) -> Option<String> {
        let mut pieces = self.cutter.pieces(instruction)?;
        let mut gaps = Vec::with_capacity(pieces.len());
        for pair in pieces.windows(2) {
            gaps.push(self.cutter.gap(pair[0].range.end..pair[1].range.start)?);
        }
        let indents = self.indents(instruction, &pieces, &gaps);
        let (all_marked, _) = self.has_mark(index);
        let begins: Vec<Begin> = std::iter::once(Begin::No).chain(gaps.iter().map(begin)).collect();
        let has_mark = all_marked || begins.contains(&Begin::Marked);
        sort::sort(&mut pieces, &begins, all_marked);
        let mut text = self.joined(&pieces, &gaps, &indents);
        if let Some(heredoc) = instruction.heredocs.first() {
            text.push_str(self.line_end);
            text.push_str(&self.text[heredoc.body_span.start as usize..instruction.span.end as usize]);
        }
        let again = parse_instruction(&text, self.cutter.escape);
        let same = again.instruction.is_some_and(|again| {
            is_same_instruction(instruction, &again, self.cutter.dialect)
                || has_mark && sort::is_same_but_order(instruction, &again, self.cutter.dialect)
        });
        let broken = again.diagnostics.iter().any(|one| one.severity == Severity::Error);
        (same && !broken).then_some(text)
    }

    fn joined(&self, pieces: &[Piece<'a>], gaps: &[Gap<'a>], indents: &[usize]) -> String {
        let mut text = String::new();
        let put = |piece: &Piece<'a>, text: &mut String| {
            for (at, line) in piece.text.split('\n').enumerate() {
                if at > 0 {
                    text.push_str(self.line_end);
                }
                text.push_str(line);
            }
        };
        for (at, piece) in pieces.iter().enumerate() {
            let Some(gap) = at.checked_sub(1).and_then(|before| gaps.get(before)) else {
                put(piece, &mut text);
                continue;
            };
            if !gap.broken && !piece.own_line {
                text.push(' ');
                put(piece, &mut text);
                continue;
            }
            if !text.ends_with(' ') {
                text.push(' ');
            }
            text.push(self.cutter.escape);
            text.push_str(self.line_end);
            let indent = " ".repeat(indents[at]);
            for comment in &gap.comments {
                text.push_str(&indent);
                text.push_str(comment);
                text.push_str(self.line_end);
            }
            text.push_str(&indent);
            put(piece, &mut text);
        }
        text
    }

    /// The columns by which each piece is indented when it begins a line.
    fn indents(&self, instruction: &Instruction, pieces: &[Piece<'a>], gaps: &[Gap<'a>]) -> Vec<usize> {
        let begins = |at: usize| at > 0 && gaps.get(at - 1).is_some_and(|gap| gap.broken);
        if pieces.iter().any(|piece| piece.own_line) {
            // Below the first pair, which stands behind the keyword or on the line below it.
            let words = if matches!(instruction.body, Body::Onbuild(_)) {
                2
            } else {
                1
            };
            let keywords = &pieces[..words.min(pieces.len())];
            let column = match begins(words) {
                true => INDENT,
                false => keywords.iter().map(|piece| piece.text.len() + 1).sum(),
            };
            return vec![column; pieces.len()];
        }
        let width = |piece: &Piece<'a>| {
            let start = self.text[..piece.range.start].rfind('\n').map_or(0, |end| end + 1);
            let line = self.text[start..piece.range.start].trim_end_matches(['\n', '\r']);
            // A piece that was cut keeps the blanks before it.
            let lead = self.text[piece.range.clone()]
                .chars()
                .take_while(|c| matches!(c, ' ' | '\t'));
            line.chars().chain(lead).fold(0, |column, c| match c {
                '\t' => (column / INDENT + 1) * INDENT,
                _ => column + 1,
            })
        };
        let widths: Vec<Option<usize>> = pieces
            .iter()
            .enumerate()
            .map(|(at, piece)| (begins(at) && !piece.text.is_empty()).then(|| width(piece)))
            .collect();
        // Widths that differ by one column are one level.
        let mut levels: Vec<usize> = Vec::new();
        for width in widths.iter().flatten().collect::<BTreeSet<_>>() {
            if levels.last().is_none_or(|last| width - last > 1) {
                levels.push(*width);
            }
        }
        let mut indent = INDENT;
        let known = widths.iter().rev().map(|width| {
            if let Some(width) = width {
                indent = INDENT * levels.partition_point(|level| level <= width).max(1);
            }
            indent
        });
        let mut indents: Vec<usize> = known.collect();
        indents.reverse();
        indents
    }
}

fn begin(gap: &Gap<'_>) -> Begin {
    match gap {
        Gap { broken: false, .. } => Begin::No,
        Gap { comments, .. } if comments.is_empty() => Begin::Line,
        Gap { comments, .. } if comments.iter().any(|comment| sort::is_mark(comment)) => Begin::Marked,
        _ => Begin::Commented,
    }
}

fn drop_blank(items: &mut Vec<Item<'_>>) {
    if items.first() == Some(&Item::Blank) {
        items.remove(0);
    }
}
