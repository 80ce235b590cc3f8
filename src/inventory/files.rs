//! What a root file system has to offer, and how much of it is read.

use std::cell::Cell;
use std::io;

/// Largest text that is read whole, in bytes.
pub(super) const LARGEST_TEXT: u64 = 32 << 20;
/// Most bytes that one inventory reads.
const MOST_BYTES: u64 = 4 << 30;

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFact {
    /// Where, relative to the root, without a slash in front.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Whether anybody may execute it.
    pub executable: bool,
    /// The layer that it comes from; the lowest is 0.
    pub layer: usize,
}

/// The regular files of a root file system. Symbolic links are never followed, so each file is seen where it lies.
pub trait Files {
    /// All of them, in any order; those whose names are no UTF-8 may be left out.
    fn all(&self) -> &[FileFact];

    /// Opens one of them.
    ///
    /// # Errors
    /// When it can't be had.
    fn open(&self, file: &FileFact) -> io::Result<Box<dyn Bytes>>;
}

/// The content of a file.
pub trait Bytes {
    /// Reads from a place on; fewer bytes than asked for only at the end.
    ///
    /// # Errors
    /// When it can't be read.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl Bytes for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let rest = &self[start..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// Bytes with an end, read within a budget.
pub(super) struct Reader<'a> {
    bytes: Box<dyn Bytes + 'a>,
    size: u64,
    budget: &'a Budget,
}

/// How many bytes may still be read.
#[derive(Debug)]
pub(super) struct Budget(Cell<u64>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MOST_BYTES))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: Box<dyn Bytes + 'a>, size: u64, budget: &'a Budget) -> Self {
        Self { bytes, size, budget }
    }

    /// Bytes in all.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn budget(&self) -> &'a Budget {
        self.budget
    }

    /// Counts bytes that were unpacked in memory as read; nothing when they are too many.
    pub(super) fn spend(&self, bytes: u64) -> Option<()> {
        self.budget.0.set(self.budget.0.get().checked_sub(bytes)?);
        Some(())
    }

    /// So many bytes from a place on; nothing when they are not there or nothing may be read any more.
    pub(super) fn part(&self, offset: u64, length: u64) -> Option<Vec<u8>> {
        if offset.checked_add(length)? > self.size {
            return None;
        }
        let left = self.budget.0.get().checked_sub(length)?;
        self.budget.0.set(left);
        let mut buffer = vec![0; usize::try_from(length).ok()?];
        let mut filled = 0;
        while filled < buffer.len() {
            match self.bytes.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => return None,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(_) => return None,
            }
        }
        Some(buffer)
    }

    /// All of it, when it is not too large.
    pub(super) fn whole(&self, limit: u64) -> Option<Vec<u8>> {
        (self.size <= limit).then(|| self.part(0, self.size)).flatten()
    }
}
