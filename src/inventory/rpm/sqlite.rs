//! The table `Packages` of `rpmdb.sqlite`, read from the pages of the file.
//!
//! The file is not ours, and a query on it runs what its schema says: views, triggers and generated columns.
//! Walking the table's tree needs none of that, and reads only the pages of that table.

use super::super::files::Reader;
use super::LARGEST_HEADER;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// Types of pages of a table.
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;
/// Deepest tree; SQLite's own limit.
const DEEPEST: usize = 20;
/// Largest record of the schema that is looked at, in bytes.
const LARGEST_SCHEMA: u64 = 1 << 20;

struct Pages<'a> {
    file: &'a Reader<'a>,
    size: u64,
    usable: u64,
    /// Pages that may still be visited, so that a tree with circles has an end.
    left: u64,
}

/// Calls `take` with each header blob, until it says that it has enough.
pub(super) fn each(file: &Reader<'_>, take: &mut dyn FnMut(&[u8]) -> bool) -> Option<()> {
    let header = file.part(0, 100)?;
    if &header[..16] != MAGIC {
        return None;
    }
    let size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65536,
        size => u64::from(size),
    };
    if size < 512 || !size.is_power_of_two() {
        return None;
    }
    let mut pages = Pages {
        file,
        size,
        usable: size.checked_sub(u64::from(header[20]))?.max(480),
        left: file.size() / size,
    };
    let mut root = None;
    pages.walk(1, 0, LARGEST_SCHEMA, &mut |record| {
        // type, name, tbl_name, rootpage, sql
        let values = record_values(record, 4).unwrap_or_default();
        if let [
            Value::Bytes(b"table"),
            Value::Bytes(b"Packages"),
            _,
            Value::Number(page),
        ] = values[..]
        {
            root = u64::try_from(page).ok();
        }
        root.is_none()
    })?;
    let mut more = true;
    pages.left = file.size() / size;
    // hnum, blob
    pages.walk(root?, 0, LARGEST_HEADER, &mut |record| {
        if let Some([_, Value::Bytes(blob)]) = record_values(record, 2).as_deref() {
            more = take(blob);
        }
        more
    })?;
    Some(())
}

impl Pages<'_> {
    /// Visits the records of a table's tree in order; says whether to go on.
    fn walk(&mut self, page: u64, depth: usize, limit: u64, take: &mut dyn FnMut(&[u8]) -> bool) -> Option<bool> {
        if depth > DEEPEST || page == 0 {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        let bytes = self.file.part((page - 1).checked_mul(self.size)?, self.size)?;
        // The first page begins with the file's header.
        let start = if page == 1 { 100 } else { 0 };
        let kind = *bytes.get(start)?;
        let cells = usize::from(short(&bytes, start + 3)?);
        let array = start + if kind == INTERIOR { 12 } else { 8 };
        for cell in 0..cells {
            let at = usize::from(short(&bytes, array + 2 * cell)?);
            let more = match kind {
                INTERIOR => self.walk(u64::from(long(&bytes, at)?), depth + 1, limit, take)?,
                LEAF => take(&self.record(&bytes, at, limit)?),
                _ => return None,
            };
            if !more {
                return Some(false);
            }
        }
        match kind {
            INTERIOR => self.walk(u64::from(long(&bytes, start + 8)?), depth + 1, limit, take),
            LEAF => Some(true),
            _ => None,
        }
    }

    /// The record of a leaf's cell, with what spilled over to other pages.
    fn record(&mut self, page: &[u8], at: usize, limit: u64) -> Option<Vec<u8>> {
        let (length, at) = varint(page, at)?;
        let (_row, at) = varint(page, at)?;
        if length > limit.min(self.file.size()) {
            return None;
        }
        let largest = self.usable - 35;
        if length <= largest {
            return Some(page.get(at..at + usize::try_from(length).ok()?)?.to_vec());
        }
        let smallest = (self.usable - 12) * 32 / 255 - 23;
        let here = smallest + (length - smallest) % (self.usable - 4);
        let here = usize::try_from(if here <= largest { here } else { smallest }).ok()?;
        let mut record = page.get(at..at + here)?.to_vec();
        let mut next = u64::from(long(page, at + here)?);
        let length = usize::try_from(length).ok()?;
        while record.len() < length {
            let part = self
                .file
                .part(next.checked_sub(1)?.checked_mul(self.size)?, self.size)?;
            next = u64::from(long(&part, 0)?);
            let left = (length - record.len()).min(usize::try_from(self.usable - 4).ok()?);
            record.extend(part.get(4..4 + left)?);
        }
        Some(record)
    }
}

enum Value<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    Other,
}

/// The first values of a record.
fn record_values(record: &[u8], count: usize) -> Option<Vec<Value<'_>>> {
    let (header, mut at) = varint(record, 0)?;
    let mut body = usize::try_from(header).ok()?;
    let mut values = Vec::with_capacity(count);
    while values.len() < count {
        let (kind, next) = varint(record, at)?;
        at = next;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            text => usize::try_from((text - 12) / 2).ok()?,
        };
        let bytes = record.get(body..body.checked_add(size)?)?;
        body += size;
        values.push(match kind {
            1..=6 => Value::Number(bytes.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte))),
            8 => Value::Number(0),
            9 => Value::Number(1),
            12.. => Value::Bytes(bytes),
            _ => Value::Other,
        });
    }
    Some(values)
}

/// A number of one to nine bytes, and the place after it.
fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut number = 0;
    for _ in 0..8 {
        let byte = *bytes.get(at)?;
        at += 1;
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, at));
        }
    }
    Some((number << 8 | u64::from(*bytes.get(at)?), at + 1))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at.checked_add(4)?)?
        .try_into()
        .map(u32::from_be_bytes)
        .ok()
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at.checked_add(2)?)?
        .try_into()
        .map(u16::from_be_bytes)
        .ok()
}
