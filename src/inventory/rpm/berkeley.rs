//! Berkeley DB's hash tables, as older rpm keeps `Packages`: pages of pairs, values mostly in chains of pages.

use super::super::files::Reader;
use super::LARGEST_HEADER;

const HASH_MAGIC: u32 = 0x0006_1561;
/// Types of pages.
const HASH_UNSORTED: u8 = 2;
const HASH: u8 = 13;
const OVERFLOW: u8 = 7;
/// Types of items.
const HERE: u8 = 1;
const ELSEWHERE: u8 = 3;
/// Bytes before a page's own.
const PAGE_HEADER: usize = 26;

struct Table<'a> {
    file: &'a Reader<'a>,
    page: u64,
    little: bool,
}

/// Calls `take` with each header blob, until it says that it has enough.
pub(super) fn each(file: &Reader<'_>, take: &mut dyn FnMut(&[u8]) -> bool) -> Option<()> {
    let meta = file.part(0, 72)?;
    let magic = <[u8; 4]>::try_from(&meta[12..16]).ok()?;
    let little = match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
        (HASH_MAGIC, _) => true,
        (_, HASH_MAGIC) => false,
        _ => return None,
    };
    let mut table = Table { file, page: 0, little };
    table.page = u64::from(table.long(&meta, 20)?);
    if !(512..=65536).contains(&table.page) || !table.page.is_power_of_two() {
        return None;
    }
    let last = u64::from(table.long(&meta, 32)?).min(file.size() / table.page);
    for number in 1..=last {
        // The last page may be one that was never written.
        let Some(page) = file.part(number * table.page, table.page) else {
            break;
        };
        if !matches!(page[25], HASH | HASH_UNSORTED) {
            continue;
        }
        let items = usize::from(table.short(&page, 20)?);
        // Keys and values take turns.
        for item in (1..items).step_by(2) {
            let at = usize::from(table.short(&page, PAGE_HEADER + 2 * item)?);
            let before = usize::from(table.short(&page, PAGE_HEADER + 2 * (item - 1))?);
            let more = match *page.get(at)? {
                // An item ends where the one before it begins: pages fill from their end.
                HERE => take(page.get(at + 1..before)?),
                ELSEWHERE => take(&table.chain(&page, at)?),
                _ => true,
            };
            if !more {
                return Some(());
            }
        }
    }
    Some(())
}

impl Table<'_> {
    /// The value that an item leads to.
    fn chain(&self, page: &[u8], at: usize) -> Option<Vec<u8>> {
        let mut next = self.long(page, at + 4)?;
        let length = u64::from(self.long(page, at + 8)?);
        if length > LARGEST_HEADER.min(self.file.size()) {
            return None;
        }
        let length = usize::try_from(length).ok()?;
        let mut value = Vec::new();
        // Each page brings something, so that a circle of pages has an end.
        while value.len() < length {
            let page = self.file.part(u64::from(next).checked_mul(self.page)?, self.page)?;
            let here = usize::from(self.short(&page, 22)?);
            if page[25] != OVERFLOW || here == 0 || next == 0 {
                return None;
            }
            value.extend(page.get(PAGE_HEADER..PAGE_HEADER + here)?);
            next = self.long(&page, 16)?;
        }
        value.truncate(length);
        Some(value)
    }

    fn long(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }

    fn short(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self.little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }
}
