//! gzip as fast as it is worth: the level that layers are compressed with unless somebody asks for another.
//!
//! One look at the last place where five bytes were seen, no search for anything better, and codes that fit each
//! segment of 64 KiB. The result depends on the input alone.

mod bits;
mod block;
mod huffman;
mod matches;

#[cfg(test)]
mod tests;

use bits::Bits;
use matches::{Matches, SEGMENT};

/// Compresses; worth keeping for the next time, because it has half a megabyte to itself.
#[derive(Debug)]
pub(super) struct Deflater {
    matches: Matches,
}

impl Deflater {
    pub(super) fn new() -> Self {
        Self {
            matches: Matches::new(),
        }
    }

    /// Appends `input` to `out` as one member of a gzip stream (RFC 1952), without name and time.
    ///
    /// The input is less than 4 GiB, because the member tells its size in 32 bits.
    pub(super) fn gzip(&mut self, input: &[u8], out: &mut Vec<u8>) {
        // Deflate, no flags, no time, the fastest method, an unknown system.
        out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
        self.deflate(input, out);
        let mut checksum = libdeflater::Crc::new();
        checksum.update(input);
        out.extend_from_slice(&checksum.sum().to_le_bytes());
        out.extend_from_slice(&(input.len() as u32).to_le_bytes());
    }

    /// Appends `input` to `out` as a stream of deflate (RFC 1951).
    fn deflate(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.matches.reset();
        let mut bits = Bits::new(out);
        let mut start = 0;
        loop {
            let end = input.len().min(start + SEGMENT);
            let tokens = self.matches.tokens(input, start, end);
            let last = end == input.len();
            block::write_block(tokens, &input[start..end], last, &mut bits);
            if last {
                break;
            }
            start = end;
        }
        bits.align();
    }
}
