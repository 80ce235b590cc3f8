//! Reading a blob while it is being written.

use super::StoreError;
use super::blob::BlobWriter;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// How far a writer is, for those who follow it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    written: u64,
    end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The blob has its name.
    Stored,
    /// It will never have one.
    GivenUp,
}

impl Progress {
    /// Tells that there are more bytes.
    pub(super) fn wrote(&self, count: usize) {
        self.change(|state| state.written += count as u64);
    }

    /// Tells that nothing more comes. Only the first end counts.
    pub(super) fn end(&self, stored: bool) {
        let end = if stored { End::Stored } else { End::GivenUp };
        self.change(|state| {
            state.end.get_or_insert(end);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
    }

    /// Waits until there is more than `read` bytes, or an end.
    fn beyond(&self, read: u64) -> State {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |state: &mut State| state.written <= read && state.end.is_none();
        let state = self.moved.wait_while(state, waiting);
        *state.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what a [`BlobWriter`] writes, as soon as it is there.
///
/// The end is told only when the blob was found to be the expected one and has its name; a writer that is dropped
/// before makes reading fail. What was read before the end is unproven.
#[derive(Debug)]
pub struct BlobFollower {
    file: File,
    progress: Arc<Progress>,
    read: u64,
}

impl BlobWriter {
    /// Begins to read from the start what this writer writes. Nobody waits for the reader.
    ///
    /// # Errors
    /// When the file can't be opened a second time.
    pub fn follow(&mut self) -> Result<BlobFollower, StoreError> {
        let (file, progress) = self.followed()?;
        Ok(BlobFollower {
            file,
            progress,
            read: 0,
        })
    }
}

impl Read for BlobFollower {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let state = self.progress.beyond(self.read);
        let there = state.written.saturating_sub(self.read);
        match (there, state.end) {
            (0, Some(End::Stored)) => return Ok(0),
            (_, Some(End::GivenUp)) => return Err(io::Error::other("its download failed")),
            _ => {}
        }
        let most = usize::try_from(there).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.read)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use crate::digest::Sha256;
    use crate::store::Store;
    use std::io::{Read as _, Write as _};

    #[test]
    fn a_follower_ends_with_a_stored_blob_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let bytes = vec![7; 300_000];
        for good in [true, false] {
            let mut writer = store.blob_writer().unwrap();
            let mut follower = writer.follow().unwrap();
            let result = std::thread::scope(|scope| {
                let reader = scope.spawn(move || {
                    let mut read = Vec::new();
                    follower.read_to_end(&mut read).map(|_| read)
                });
                for piece in bytes.chunks(1000) {
                    writer.write_all(piece).unwrap();
                }
                let expected = if good { Sha256::of(&bytes) } else { Sha256::of(b"other") };
                assert_eq!(writer.finish_expecting(&expected, bytes.len() as u64).is_ok(), good);
                reader.join().unwrap()
            });
            match good {
                true => assert_eq!(result.unwrap(), bytes),
                false => assert!(result.unwrap_err().to_string().contains("failed")),
            }
        }
        // The same bytes again: the second writer's file is dropped, and is still read to its end.
        let mut writer = store.blob_writer().unwrap();
        let mut follower = writer.follow().unwrap();
        writer.write_all(&bytes).unwrap();
        writer.finish().unwrap();
        let mut read = Vec::new();
        follower.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
    }
}
