//! Members of zip archives, found by the directory at the archive's end.

use super::files::Reader;
use std::io::Read as _;

const END: &[u8; 4] = b"PK\x05\x06";
const ENTRY: &[u8; 4] = b"PK\x01\x02";
const LOCAL: &[u8; 4] = b"PK\x03\x04";
/// Bytes of the end record without its comment, and of the longest comment.
const END_SIZE: u64 = 22;
const LONGEST_COMMENT: u64 = 65_535;
/// Largest directory, in bytes.
const LARGEST_DIRECTORY: u64 = 16 << 20;

/// A member.
pub(super) struct Member {
    pub(super) name: String,
    method: u16,
    packed: u64,
    size: u64,
    offset: u64,
}

/// The members of an archive in the order of its directory; `None` when it is no zip, or one larger than 4 GiB.
pub(super) fn members(file: &Reader<'_>) -> Option<Vec<Member>> {
    let tail_size = file.size().min(END_SIZE + LONGEST_COMMENT);
    // Most archives have no comment.
    let short = file.part(file.size().checked_sub(END_SIZE)?, END_SIZE)?;
    let end = if short.starts_with(END) {
        short
    } else {
        let tail = file.part(file.size() - tail_size, tail_size)?;
        let at = tail.windows(4).rposition(|it| it == END)?;
        tail.get(at..at + END_SIZE as usize)?.to_vec()
    };
    let size = u64::from(long(&end, 12)?);
    let offset = u64::from(long(&end, 16)?);
    if size > LARGEST_DIRECTORY {
        return None;
    }
    let directory = file.part(offset, size)?;
    let mut members = Vec::new();
    let mut rest = directory.as_slice();
    while rest.starts_with(ENTRY) {
        let lengths = [28, 30, 32].map(|at| short_at(rest, at).map(usize::from));
        let [Some(name), Some(extra), Some(comment)] = lengths else {
            return None;
        };
        members.push(Member {
            name: String::from_utf8_lossy(rest.get(46..46 + name)?).into_owned(),
            method: short_at(rest, 10)?,
            packed: u64::from(long(rest, 20)?),
            size: u64::from(long(rest, 24)?),
            offset: u64::from(long(rest, 42)?),
        });
        rest = rest.get(46 + name + extra + comment..)?;
    }
    Some(members)
}

/// The content of a member, if it is not too large.
pub(super) fn content(file: &Reader<'_>, member: &Member, limit: u64) -> Option<Vec<u8>> {
    if member.size > limit || member.packed > limit {
        return None;
    }
    let head = file.part(member.offset, 30)?;
    if !head.starts_with(LOCAL) {
        return None;
    }
    let skipped = 30 + u64::from(short_at(&head, 26)?) + u64::from(short_at(&head, 28)?);
    let packed = file.part(member.offset + skipped, member.packed)?;
    match member.method {
        0 => Some(packed),
        8 => {
            let mut content = Vec::new();
            let mut unpacked = flate2::read::DeflateDecoder::new(packed.as_slice()).take(limit + 1);
            unpacked.read_to_end(&mut content).ok()?;
            // One member may be listed many times.
            file.spend(content.len() as u64)?;
            (content.len() as u64 <= limit).then_some(content)
        }
        _ => None,
    }
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().map(u32::from_le_bytes).ok()
}

fn short_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().map(u16::from_le_bytes).ok()
}
