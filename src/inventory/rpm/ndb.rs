//! rpm's own database format, `Packages.db`: pages of slots that lead to blobs. Numbers are little endian.

use super::super::files::Reader;
use super::LARGEST_HEADER;

const MAGIC: &[u8; 4] = b"RpmP";
const SLOT: &[u8; 4] = b"Slot";
const BLOB: &[u8; 4] = b"BlbS";
const PAGE: u64 = 4096;
/// Bytes of a slot; the file's header takes the place of the first two.
const SLOT_SIZE: u64 = 16;
/// Offsets of blobs are counted in blocks of this size.
const BLOCK: u64 = 16;
/// Most pages of slots.
const MOST_PAGES: u64 = 2048;

/// Calls `take` with each header blob, until it says that it has enough.
pub(super) fn each(file: &Reader<'_>, take: &mut dyn FnMut(&[u8]) -> bool) -> Option<()> {
    let header = file.part(0, 32)?;
    if &header[..4] != MAGIC || little(&header, 4)? != 0 {
        return None;
    }
    let pages = u64::from(little(&header, 12)?);
    if pages == 0 || pages > MOST_PAGES {
        return None;
    }
    let slots = file.part(2 * SLOT_SIZE, pages * PAGE - 2 * SLOT_SIZE)?;
    for slot in slots.chunks_exact(SLOT_SIZE as usize) {
        let (index, block) = (little(slot, 4)?, little(slot, 8)?);
        if &slot[..4] != SLOT {
            return None;
        }
        // Free slots stay where they are.
        if index == 0 || block == 0 {
            continue;
        }
        let at = u64::from(block) * BLOCK;
        let head = file.part(at, 16)?;
        let length = u64::from(little(&head, 12)?);
        if &head[..4] != BLOB || little(&head, 4)? != index || length > LARGEST_HEADER {
            return None;
        }
        if !take(&file.part(at + 16, length)?) {
            break;
        }
    }
    Some(())
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().map(u32::from_le_bytes).ok()
}
