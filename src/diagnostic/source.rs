//! A named text, and places in it.

use std::sync::OnceLock;

/// A range of bytes in a [`Source`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` up to, without, `end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }
}

/// A place as a person counts: from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
}

/// A named text.
#[derive(Debug, Clone)]
pub struct Source {
    name: String,
    text: String,
    line_starts: Vec<u32>,
    /// How many characters begin before each block of the text; made when a long line is asked for.
    characters: OnceLock<Vec<u32>>,
}

/// Bytes of a block. Characters of a line that is not much longer are simply counted.
const BLOCK: usize = 1 << 10;

impl Source {
    /// Names `text` as `name`, which is shown before line numbers.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, byte)| *byte == b'\n')
                    .map(|(at, _)| at as u32 + 1),
            )
            .collect();
        Self {
            name: name.into(),
            text,
            line_starts,
            characters: OnceLock::new(),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the byte at `offset` stands; an offset past the end gives the end.
    pub fn position(&self, offset: u32) -> Position {
        let offset = offset.min(self.text.len() as u32);
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let start = self.line_starts[line];
        let column = match (offset - start) as usize > 4 * BLOCK {
            true => self.characters_before(offset) - self.characters_before(start),
            false => characters(&self.text.as_bytes()[start as usize..offset as usize]),
        } + 1;
        Position {
            line: line as u32 + 1,
            column,
        }
    }

    /// Offset of the first byte of a line counted from 1; of the text's end when there is no such line.
    pub fn start_of(&self, line: u32) -> u32 {
        let start = self.line_starts.get((line as usize).saturating_sub(1));
        start.copied().unwrap_or(self.text.len() as u32)
    }

    /// Many findings may lie on one line of megabytes, so its characters are not counted for each.
    fn characters_before(&self, offset: u32) -> u32 {
        let bytes = self.text.as_bytes();
        let blocks = self.characters.get_or_init(|| {
            let mut sum = 0;
            let counts = bytes.chunks(BLOCK).map(|block| {
                let before = sum;
                sum += characters(block);
                before
            });
            counts.collect()
        });
        let block = offset as usize / BLOCK;
        match blocks.get(block) {
            Some(before) => before + characters(&bytes[block * BLOCK..offset as usize]),
            None => blocks.last().map_or(0, |before| {
                before + characters(&bytes[(blocks.len() - 1) * BLOCK..offset as usize])
            }),
        }
    }

    /// The text of a line counted from 1, without its line end.
    pub fn line(&self, line: u32) -> &str {
        let start = self
            .line_starts
            .get((line as usize).saturating_sub(1))
            .copied()
            .unwrap_or(self.text.len() as u32) as usize;
        let end = self
            .line_starts
            .get(line as usize)
            .map_or(self.text.len(), |next| *next as usize);
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }
}

/// How many characters begin in `bytes`, a part of a text.
fn characters(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|byte| (**byte as i8) >= -0x40).count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_on_lines_of_any_length() {
        for length in [10, 4 * BLOCK, 4 * BLOCK + 1, 10 * BLOCK] {
            let text = format!("FROM é\n{}", "aé日𝄞".repeat(length / 10));
            let source = Source::new("x", &*text);
            for (at, _) in text.char_indices().chain([(text.len(), ' ')]).step_by(7) {
                let before = &text[..at];
                let start = before.rfind('\n').map_or(0, |at| at + 1);
                let place = source.position(at as u32);
                assert_eq!(place.column as usize, before[start..].chars().count() + 1, "{at}");
            }
            assert_eq!(source.position(u32::MAX), source.position(text.len() as u32));
        }
        // Within a character: behind its beginning.
        assert_eq!(Source::new("x", "é").position(1).column, 2);
    }
}
