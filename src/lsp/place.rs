//! Places as the protocol counts them: lines and characters from 0, characters in the units that were agreed on.

use crate::diagnostic::Span;
use serde::{Deserialize, Serialize};

/// What one character of a [`Place`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Encoding {
    /// A byte.
    Utf8,
    /// 16 bits, two of which make a character outside of the basic plane: what every client knows.
    #[default]
    Utf16,
    /// A character.
    Utf32,
}

impl Encoding {
    /// The first of those the client offers that is known here; the usual one otherwise.
    pub(super) fn choose<'a>(offered: impl IntoIterator<Item = &'a str>) -> Self {
        offered.into_iter().find_map(Self::from_word).unwrap_or_default()
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Utf8, Self::Utf16, Self::Utf32]
            .into_iter()
            .find(|it| it.word() == word)
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Utf32 => "utf-32",
        }
    }

    /// How many units `text` takes.
    pub(super) fn units(self, text: &str) -> u32 {
        let count = match self {
            Self::Utf8 => text.len(),
            _ if text.is_ascii() => text.len(),
            Self::Utf16 => text.chars().map(char::len_utf16).sum(),
            Self::Utf32 => text.chars().count(),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The bytes of `line` that its first `units` take; a character that is cut stays outside, and so does the end.
    fn bytes(self, line: &str, units: u32) -> usize {
        let mut left = units;
        for (at, c) in line.char_indices() {
            let size = match self {
                Self::Utf8 => c.len_utf8(),
                Self::Utf16 => c.len_utf16(),
                Self::Utf32 => 1,
            } as u32;
            if left < size {
                return at;
            }
            left -= size;
        }
        line.len()
    }
}

/// A place between two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) character: u32,
}

/// Two places and what is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Range {
    pub(super) start: Place,
    pub(super) end: Place,
}

/// A text that finds its lines, and changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Buffer {
    text: String,
    /// Where lines begin. The protocol ends them with `\n`, `\r\n` or `\r`.
    starts: Vec<u32>,
}

impl Buffer {
    /// `text` must be shorter than 4 GiB.
    pub(super) fn new(text: String) -> Self {
        let mut starts = vec![0];
        starts.extend(starts_in(&text, 0));
        Self { text, starts }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A line without its end, counted from 0, and where it begins.
    pub(super) fn line(&self, line: u32) -> (u32, &str) {
        let Some(&start) = self.starts.get(line as usize) else {
            return (self.text.len() as u32, "");
        };
        let end = self.starts.get(line as usize + 1).copied();
        let end = end.unwrap_or(self.text.len() as u32) as usize;
        let whole = &self.text[start as usize..end];
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        (start, line.strip_suffix('\r').unwrap_or(line))
    }

    /// The line that holds the byte at `offset`.
    pub(super) fn line_of(&self, offset: u32) -> u32 {
        self.starts.partition_point(|start| *start <= offset) as u32 - 1
    }

    /// The byte at `place`. Characters behind the end of a line are its end, lines behind the last are the end.
    pub(super) fn offset(&self, place: Place, encoding: Encoding) -> u32 {
        let (start, line) = self.line(place.line);
        start + encoding.bytes(line, place.character) as u32
    }

    /// Where the byte at `offset` is.
    pub(super) fn place(&self, offset: u32, encoding: Encoding) -> Place {
        let offset = self.text.floor_char_boundary(offset as usize) as u32;
        let line = self.line_of(offset);
        let start = self.starts[line as usize];
        Place {
            line,
            character: encoding.units(&self.text[start as usize..offset as usize]),
        }
    }

    /// Where the bytes of `span` are.
    pub(super) fn range(&self, span: Span, encoding: Encoding) -> Range {
        Range {
            start: self.place(span.start, encoding),
            end: self.place(span.end.max(span.start), encoding),
        }
    }

    /// The bytes of `range`.
    pub(super) fn span(&self, range: Range, encoding: Encoding) -> Span {
        let start = self.offset(range.start, encoding);
        Span::new(start, self.offset(range.end, encoding).max(start))
    }

    /// Puts `new` where `range` is.
    pub(super) fn change(&mut self, range: Range, new: &str, encoding: Encoding) {
        let span = self.span(range, encoding);
        // A `\r` in front may become, or stop being, half of a line end.
        let first = self.line_of(span.start).saturating_sub(1) as usize;
        let last = (self.line_of(span.end) as usize + 1).min(self.starts.len() - 1);
        self.text.replace_range(span.start as usize..span.end as usize, new);
        let moved = |start: u32| start + new.len() as u32 - (span.end - span.start);
        let from = self.starts[first];
        let to = match self.starts.get(last + 1) {
            Some(&next) => moved(next),
            None => self.text.len() as u32,
        };
        let mut starts: Vec<u32> = starts_in(&self.text[from as usize..to as usize], from)
            .filter(|start| *start < to)
            .collect();
        if last + 1 == self.starts.len() {
            starts = starts_in(&self.text[from as usize..], from).collect();
        }
        let tail: Vec<u32> = self.starts[last + 1..].iter().map(|start| moved(*start)).collect();
        self.starts.truncate(first + 1);
        self.starts.extend(starts);
        self.starts.extend(tail);
    }
}

/// Where lines begin behind line ends of `text`, which itself begins at `from`.
fn starts_in(text: &str, from: u32) -> impl Iterator<Item = u32> + '_ {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().filter_map(move |(at, byte)| {
        let ends = *byte == b'\n' || *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n');
        ends.then_some(from + at as u32 + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    fn place(line: u32, character: u32) -> Place {
        Place { line, character }
    }

    #[test]
    fn characters_are_counted_in_units() {
        let buffer = Buffer::new("FROM a\r\nRUN é😀x\rlast".to_owned());
        for (encoding, after) in ALL.into_iter().zip([10, 7, 6]) {
            let offset = buffer.text().find('x').expect("it is there") as u32;
            assert_eq!(buffer.place(offset, encoding), place(1, after));
            assert_eq!(buffer.offset(place(1, after), encoding), offset);
        }
        assert_eq!(
            buffer.offset(place(1, 6), Encoding::Utf16),
            buffer.offset(place(1, 5), Encoding::Utf16),
            "the middle of a pair is its beginning"
        );
        assert_eq!(
            buffer.offset(place(0, 99), Encoding::Utf16),
            6,
            "a line ends before its end"
        );
        assert_eq!(buffer.offset(place(99, 0), Encoding::Utf16), buffer.text().len() as u32);
        assert_eq!(buffer.place(u32::MAX, Encoding::Utf16), place(2, 4));
    }

    #[test]
    fn the_first_known_encoding_is_taken() {
        assert_eq!(Encoding::choose(["utf-7", "utf-32", "utf-16"]), Encoding::Utf32);
        assert_eq!(Encoding::choose(["utf-7"]), Encoding::Utf16);
    }

    proptest! {
        #[test]
        fn changes_keep_the_lines(
            text in "[ab\r\né😀]{0,30}",
            changes in proptest::collection::vec((0..12_u32, 0..12_u32, 0..12_u32, 0..12_u32, "[x\r\né]{0,6}"), 0..6),
            encoding in prop::sample::select(ALL.to_vec()),
        ) {
            let mut buffer = Buffer::new(text.clone());
            let mut expected = text;
            for (line, character, end_line, end_character, new) in changes {
                let range = Range { start: place(line, character), end: place(end_line, end_character) };
                let span = buffer.span(range, encoding);
                expected.replace_range(span.start as usize..span.end as usize, &new);
                buffer.change(range, &new, encoding);
                prop_assert_eq!(&buffer, &Buffer::new(expected.clone()));
                for offset in (0..=expected.len()).filter(|at| expected.is_char_boundary(*at)) {
                    let place = buffer.place(offset as u32, encoding);
                    let back = buffer.offset(place, encoding) as usize;
                    // Between `\r` and `\n` there is no place.
                    prop_assert!(back == offset || expected[back..offset].trim_matches('\r').is_empty());
                }
            }
        }
    }
}
