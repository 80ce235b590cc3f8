//! Cuts an instruction into pieces between which the line may be broken.

use super::shell::{Dialect, Kind, atoms};
use crate::diagnostic::Span;
use crate::dockerfile::{Body, Instruction, Keyword, Word};
use std::borrow::Cow;
use std::ops::Range;

/// Text of an instruction that stays together.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    /// Where it stands in the file.
    pub(super) range: Range<usize>,
    /// What is written; line feeds in it stay.
    pub(super) text: Cow<'a, str>,
    /// Whether it begins a line of its own whatever was written.
    pub(super) own_line: bool,
    /// Whether it is text for a shell, which may be sorted.
    pub(super) shell: bool,
}

/// What stands between two pieces.
#[derive(Debug, Default)]
pub(super) struct Gap<'a> {
    /// Whether the line is broken there.
    pub(super) broken: bool,
    /// The comments, trimmed.
    pub(super) comments: Vec<&'a str>,
}

/// Reads the pieces of one file's instructions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutter<'a> {
    pub(super) text: &'a str,
    pub(super) escape: char,
    pub(super) dialect: Dialect,
}

impl<'a> Cutter<'a> {
    /// The pieces of `instruction` without heredoc bodies; `None` when it can't be cut.
    pub(super) fn pieces(self, instruction: &Instruction) -> Option<Vec<Piece<'a>>> {
        let mut pieces = Vec::new();
        self.instruction(instruction, &mut pieces)?;
        Some(pieces)
    }

    fn instruction(self, instruction: &Instruction, pieces: &mut Vec<Piece<'a>>) -> Option<()> {
        let keyword = instruction.keyword?;
        pieces.push(Piece {
            text: keyword.name().into(),
            ..self.raw(range(instruction.name.span))
        });
        for flag in &instruction.flags {
            pieces.push(self.raw(range(flag.span)));
        }
        // The end of the flags may be marked, which the tree does not tell.
        let at = self.skip(pieces.last()?.range.end);
        // Any longer word of that kind would be a flag.
        let follows = self.text[at..].strip_prefix("--").map(|rest| rest.chars().next());
        if follows.is_some_and(|c| c.is_none_or(|c| c.is_whitespace() || c == self.escape)) {
            pieces.push(self.raw(at..at + 2));
        }
        self.body(keyword, &instruction.body, instruction, pieces)
    }

    fn body(self, keyword: Keyword, body: &Body, instruction: &Instruction, pieces: &mut Vec<Piece<'a>>) -> Option<()> {
        match body {
            Body::Words(words) => match keyword {
                Keyword::From | Keyword::Expose | Keyword::Add | Keyword::Copy | Keyword::Volume => {
                    for (at, word) in words.iter().enumerate() {
                        let mut piece = self.raw(range(word.span));
                        if keyword == Keyword::From && at == 1 && word.text.eq_ignore_ascii_case("as") {
                            piece.text = "AS".into();
                        }
                        pieces.push(piece);
                    }
                }
                _ => pieces.extend(words.iter().map(|word| self.raw(range(word.span)))),
            },
            Body::Json(members) => self.json(members, instruction, pieces),
            Body::Shell(word) if word.text.is_empty() => {}
            Body::Shell(word) => self.shell(word, pieces),
            Body::Pairs { pairs, legacy } => {
                let one_a_line = matches!(keyword, Keyword::Env | Keyword::Label) && !legacy;
                for (at, pair) in pairs.iter().enumerate() {
                    let key = range(pair.key.span);
                    match &pair.value {
                        Some(value) if *legacy => {
                            pieces.push(self.raw(key));
                            pieces.push(self.raw(range(value.span)));
                        }
                        value => {
                            let end = value.as_ref().map_or(key.end, |value| value.span.end as usize);
                            pieces.push(Piece {
                                own_line: one_a_line && at > 0,
                                ..self.raw(key.start..end.max(key.end))
                            });
                        }
                    }
                }
            }
            Body::Healthcheck { kind, command } => {
                let mut piece = self.raw(range(kind.span));
                if kind.text.eq_ignore_ascii_case("cmd") || kind.text.eq_ignore_ascii_case("none") {
                    piece.text = kind.text.to_ascii_uppercase().into();
                }
                pieces.push(piece);
                self.body(keyword, command, instruction, pieces)?;
            }
            Body::Onbuild(inner) => self.instruction(inner, pieces)?,
            Body::Missing => {}
        }
        Some(())
    }

    /// A JSON array: on one line with one blank after each comma, else line by line.
    fn json(self, members: &[Word], instruction: &Instruction, pieces: &mut Vec<Piece<'a>>) {
        let Some(last) = pieces.last() else { return };
        let whole = self.skip(last.range.end)..instruction.span.end as usize;
        if self.text.get(whole.clone()).is_some_and(|text| !text.contains('\n')) {
            let members: Vec<&str> = members.iter().map(|member| &self.text[range(member.span)]).collect();
            pieces.push(Piece {
                text: format!("[{}]", members.join(", ")).into(),
                ..self.raw(whole)
            });
            return;
        }
        let inside = |at: usize| {
            let next = members.partition_point(|member| member.span.start as usize <= at);
            next.checked_sub(1)
                .and_then(|before| members.get(before))
                .is_some_and(|member| at < member.span.end as usize)
        };
        let lines = self.lines(whole);
        let free = lines.iter().skip(1).map(|line| !inside(line.range.start)).collect();
        self.join(lines, free, false, pieces);
    }

    /// Text for a shell, cut where its lines are continued between words.
    fn shell(self, word: &Word, pieces: &mut Vec<Piece<'a>>) {
        let lines = self.lines(range(word.span));
        let joined: String = lines.iter().map(|line| line.part).collect();
        if joined != word.text {
            pieces.push(self.raw(range(word.span)));
            return;
        }
        let atoms = atoms(&joined, self.dialect);
        let separates = |atom: &super::shell::Atom| {
            atom.kind == Kind::Control && joined[atom.range.clone()].starts_with([';', '&', '|'])
        };
        let mut at = 0;
        let mut free = Vec::new();
        for line in lines.iter().take(lines.len().saturating_sub(1)) {
            at += line.part.len();
            // The atom that ends there or goes on, and the one that begins there.
            let next = atoms.partition_point(|atom| atom.range.end < at);
            let around = atoms.iter().skip(next).take(2).filter(|atom| atom.range.start <= at);
            free.push(around.into_iter().any(|atom| {
                atom.kind == Kind::Blank || separates(atom) && (atom.range.end == at || atom.range.start == at)
            }));
        }
        self.join(lines, free, true, pieces);
    }

    /// Makes a piece of each line, and one of those between which there must not be a blank.
    fn join(self, lines: Vec<Line<'a>>, free: Vec<bool>, shell: bool, pieces: &mut Vec<Piece<'a>>) {
        let mut start = None;
        for (at, line) in lines.iter().enumerate() {
            let begin = *start.get_or_insert(line.range.start);
            if free.get(at).copied().unwrap_or(true) {
                let piece = self.raw(begin..line.range.end);
                let text = piece.text.trim_matches([' ', '\t']).to_owned();
                pieces.push(Piece {
                    text: text.into(),
                    shell,
                    ..piece
                });
                start = None;
            }
        }
    }

    /// The lines of a range that hold code, continuations cut off.
    fn lines(self, range: Range<usize>) -> Vec<Line<'a>> {
        let mut lines = Vec::new();
        let mut at = range.start;
        for raw in self.text[range.clone()].split_inclusive('\n') {
            let content = raw.trim_end_matches(['\n', '\r']);
            let trimmed = content.trim_start();
            let first = at == range.start;
            if first || !(trimmed.is_empty() || trimmed.starts_with('#')) {
                let part = match raw.ends_with('\n') {
                    true => self.cut(content).unwrap_or(content),
                    false => content,
                };
                lines.push(Line {
                    range: at..at + part.len(),
                    part,
                });
            }
            at += raw.len();
        }
        lines
    }

    /// `line` without the escape character that continues it.
    fn cut(self, line: &'a str) -> Option<&'a str> {
        let part = line.trim_end_matches([' ', '\t']).strip_suffix(self.escape)?;
        (!part.ends_with(self.escape)).then_some(part)
    }

    /// The text at `range` as it stands, without what the parser passes over at the ends of its lines.
    fn raw(self, range: Range<usize>) -> Piece<'a> {
        let text = &self.text[range.clone()];
        Piece {
            text: match text.contains('\n') {
                true => self.cleaned(text).into(),
                false => text.into(),
            },
            range,
            own_line: false,
            shell: false,
        }
    }

    fn cleaned(self, text: &str) -> String {
        let mut lines: Vec<&str> = Vec::new();
        let count = text.split('\n').count();
        for (at, line) in text.split('\n').enumerate() {
            if at + 1 == count {
                lines.push(line);
                continue;
            }
            let line = line.trim_end_matches(['\r', ' ', '\t']);
            if !line.is_empty() || at == 0 {
                lines.push(line);
            }
        }
        lines.join("\n")
    }

    /// Where the next piece begins after `at`.
    pub(super) fn skip(self, at: usize) -> usize {
        let mut at = at;
        let mut line_begins = false;
        loop {
            let rest = &self.text[at..];
            let Some(c) = rest.chars().next() else { return at };
            let line = || rest.split('\n').next().unwrap_or_default();
            if c == '\n' {
                line_begins = true;
                at += 1;
            } else if c.is_whitespace() {
                at += c.len_utf8();
            } else if line_begins && c == '#' || c == self.escape && line()[c.len_utf8()..].trim().is_empty() {
                at += line().len();
            } else {
                return at;
            }
        }
    }

    /// What stands at `range`; `None` when it is more than blanks, comments and continuations.
    pub(super) fn gap(self, range: Range<usize>) -> Option<Gap<'a>> {
        let mut gap = Gap::default();
        for (at, line) in self.text.get(range)?.split('\n').enumerate() {
            let line = line.trim();
            if at > 0 {
                gap.broken = true;
            }
            if at > 0 && line.starts_with('#') {
                gap.comments.push(line);
            } else if !line.trim_end_matches(self.escape).is_empty() || line.chars().count() > 1 {
                return None;
            }
        }
        Some(gap)
    }
}

/// A line of a continued instruction.
#[derive(Debug)]
struct Line<'a> {
    /// Without the continuation.
    range: Range<usize>,
    part: &'a str,
}

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}
