//! Maps of GNU tar's sparse files.

use super::pax::decimal;
use super::tar_reader::number;

/// How many parts a map may have; a file of this many holes is an attack or a mistake.
const MAX_PARTS: usize = 1 << 20;

/// A part of a sparse file that has data; holes are between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// Appends a part; empty ones only mark the end.
pub(super) fn push(map: &mut Vec<Part>, part: Part) -> Result<(), &'static str> {
    if map.len() >= MAX_PARTS {
        return Err("its sparse map is too long");
    }
    if part.length > 0 {
        map.push(part);
    }
    Ok(())
}

/// Says whether a map fits the data and the whole size.
pub(super) fn check(map: &[Part], data: u64, whole: u64) -> Result<(), &'static str> {
    let (mut end, mut total) = (0, 0u64);
    for part in map {
        let next = part
            .offset
            .checked_add(part.length)
            .filter(|next| part.offset >= end && *next <= whole);
        end = next.ok_or("its sparse map is not in order")?;
        total = total.saturating_add(part.length);
    }
    // Data beyond the map is skipped; less would be read out of the next member.
    if total <= data && i64::try_from(whole).is_ok() {
        Ok(())
    } else {
        Err("its sparse map and size disagree")
    }
}

/// Reads an old GNU map of pairs of twelve bytes each; `false` when an empty pair ended it.
pub(super) fn read_old(bytes: &[u8], map: &mut Vec<Part>) -> Result<bool, &'static str> {
    for pair in bytes.chunks_exact(24) {
        if pair[0] == 0 {
            return Ok(false);
        }
        let read = |field: &[u8]| number(field).and_then(|it| u64::try_from(it).ok());
        let (Some(offset), Some(length)) = (read(&pair[..12]), read(&pair[12..])) else {
            return Err("its sparse map is not made of numbers");
        };
        push(map, Part { offset, length })?;
    }
    Ok(true)
}

/// Reads a map of lines: the number of parts, then offset and length of each.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    parts: Option<u64>,
    offset: Option<u64>,
    seen: u64,
    map: Vec<Part>,
}

impl Lines {
    /// Reads one more block; gives the map when it is complete.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<Option<Vec<Part>>, &'static str> {
        for byte in block {
            if *byte != b'\n' {
                self.line.push(*byte);
                if self.line.len() > 20 {
                    return Err("its sparse map is not made of numbers");
                }
                continue;
            }
            let value = decimal(&self.line).ok_or("its sparse map is not made of numbers")?;
            self.line.clear();
            match (self.parts, self.offset.take()) {
                (None, _) => self.parts = Some(value),
                (Some(_), None) => self.offset = Some(value),
                (Some(_), Some(offset)) => {
                    push(&mut self.map, Part { offset, length: value })?;
                    self.seen += 1;
                }
            }
            if self.parts == Some(self.seen) {
                return Ok(Some(std::mem::take(&mut self.map)));
            }
        }
        Ok(None)
    }
}
