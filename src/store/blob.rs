//! Blobs: one way in, one way out.

use super::draft::claim_file;
use super::error::name_full;
use super::follow::Progress;
use super::remove::remove;
use super::root::Root;
use super::{Durability, Store, StoreError};
use crate::digest::{BlobDigest, NotTheBlob, Sha256, Verifying};
use rustix::fs::{AtFlags, Mode, OFlags, fchmod, fsync, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;

const FOLDER: &str = "blobs/sha256";

fn name_of(digest: &BlobDigest) -> String {
    format!("{FOLDER}/{}", digest.hex())
}

impl Store {
    /// Begins a blob. What is written is hashed; nothing is visible until [`BlobWriter::finish`].
    pub fn blob_writer(&self) -> Result<BlobWriter, StoreError> {
        self.writer(Some(Sha256::new()))
    }

    /// Begins a blob whose bytes are hashed on their way here by what produces them, so that it is not done twice.
    /// It is stored by [`BlobWriter::finish_named`].
    pub fn hashed_blob_writer(&self) -> Result<BlobWriter, StoreError> {
        self.writer(None)
    }

    fn writer(&self, hash: Option<Sha256>) -> Result<BlobWriter, StoreError> {
        let root = Arc::clone(self.root());
        let (file, name) = claim_file(&root, "blob")?;
        Ok(BlobWriter {
            root,
            file,
            name,
            hash,
            size: 0,
            durability: self.durability(),
            failed: false,
            progress: None,
        })
    }

    /// Ensures that a blob is stored, and gives its name.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<BlobDigest, StoreError> {
        let digest = Sha256::of(bytes);
        if self.blob_size(&digest)? == Some(bytes.len() as u64) {
            return Ok(digest);
        }
        let mut writer = self.blob_writer()?;
        writer
            .write_all(bytes)
            .map_err(|error| writer.root.io("write", &writer.name)(error))?;
        writer.finish().map(|(digest, _)| digest)
    }

    /// Opens a blob for reading; the reader checks size and digest before it says end.
    pub fn open_blob(&self, digest: &BlobDigest) -> Result<Option<BlobReader>, StoreError> {
        let name = name_of(digest);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match openat(&self.root().fd, name.as_str(), flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(self.root().io("open the blob", &name)(errno)),
        };
        let size = file.metadata().map_err(self.root().io("read the blob", &name))?.len();
        Ok(Some(BlobReader {
            root: Arc::clone(self.root()),
            name,
            inner: Verifying::new(file, *digest, size),
        }))
    }

    /// Reads a small blob whole and checked.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoBlob`] when it is not there, and [`StoreError::Damaged`] when it has more than `limit` bytes.
    pub fn read_blob(&self, digest: &BlobDigest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let mut reader = self.open_blob(digest)?.ok_or(StoreError::NoBlob(*digest))?;
        if reader.size() > limit {
            return Err(StoreError::Damaged {
                path: self.blob_path(digest),
                reason: format!("it has {} bytes where at most {limit} make sense", reader.size()),
            });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(reader.size()).unwrap_or_default());
        match reader.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(match reader.inner.verdict() {
                Some(why) => StoreError::Blob(why.clone()),
                None => self.root().io("read the blob", &reader.name)(error),
            }),
        }
    }

    /// Where a blob is or would be, for copying inside the kernel. Nothing is checked.
    pub fn blob_path(&self, digest: &BlobDigest) -> PathBuf {
        self.root().join(&name_of(digest))
    }

    /// Whether a blob is there.
    pub fn has_blob(&self, digest: &BlobDigest) -> Result<bool, StoreError> {
        Ok(self.blob_size(digest)?.is_some())
    }

    /// The size of a blob in bytes, if it is there.
    pub fn blob_size(&self, digest: &BlobDigest) -> Result<Option<u64>, StoreError> {
        let name = name_of(digest);
        match statat(&self.root().fd, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(u64::try_from(found.st_size).unwrap_or_default())),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.root().io("look for the blob", &name)(errno)),
        }
    }

    /// Removes a blob that is known to be damaged, so that it is fetched or made again.
    pub fn discard_blob(&self, digest: &BlobDigest) -> Result<(), StoreError> {
        let name = name_of(digest);
        remove(self.root().fd.as_fd(), &name).map_err(self.root().io("remove the damaged blob", &name))
    }
}

/// A blob on its way in. Dropping it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    root: Arc<Root>,
    file: File,
    name: String,
    hash: Option<Sha256>,
    size: u64,
    durability: Durability,
    failed: bool,
    /// Tells those who read along.
    progress: Option<Arc<Progress>>,
}

impl BlobWriter {
    /// The file once more, and how far it is.
    pub(super) fn followed(&mut self) -> Result<(File, Arc<Progress>), StoreError> {
        let file = self
            .file
            .try_clone()
            .map_err(self.root.io("follow the blob", &self.name))?;
        let progress = self.progress.get_or_insert_with(|| {
            let progress = Progress::default();
            progress.wrote(usize::try_from(self.size).unwrap_or(usize::MAX));
            Arc::new(progress)
        });
        Ok((file, Arc::clone(progress)))
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Ensures that what was written is stored, and gives its name and size.
    pub fn finish(mut self) -> Result<(BlobDigest, u64), StoreError> {
        let (digest, size) = (self.take_digest()?, self.size);
        self.store(digest)?;
        Ok((digest, size))
    }

    /// As [`BlobWriter::finish`], but only if the content is the expected one.
    pub fn finish_expecting(mut self, digest: &BlobDigest, size: u64) -> Result<(), StoreError> {
        self.check_size(digest, size)?;
        let found = self.take_digest()?;
        if found != *digest {
            return Err(StoreError::Blob(NotTheBlob::Digest {
                expected: *digest,
                found,
            }));
        }
        self.store(found)
    }

    /// Ensures that what was written is stored under a name that the caller has computed from the same bytes.
    pub fn finish_named(self, digest: &BlobDigest, size: u64) -> Result<(), StoreError> {
        self.check_size(digest, size)?;
        self.store(*digest)
    }

    fn check_size(&self, digest: &BlobDigest, size: u64) -> Result<(), StoreError> {
        if size == self.size {
            return Ok(());
        }
        Err(StoreError::Blob(NotTheBlob::Size {
            digest: *digest,
            expected: size,
            found: self.size,
        }))
    }

    fn take_digest(&mut self) -> Result<BlobDigest, StoreError> {
        match self.hash.take() {
            Some(hash) => Ok(hash.blob_digest()),
            None => {
                let why = io::Error::other("nobody has hashed it");
                Err(self.root.io("finish the blob", &self.name)(why))
            }
        }
    }

    fn store(mut self, digest: BlobDigest) -> Result<(), StoreError> {
        if self.failed {
            // The hash and the file may differ by now, and the writer was told so.
            let why = io::Error::other("an earlier write failed");
            return Err(self.root.io("finish the blob", &self.name)(why));
        }
        let size = self.size;
        let to = name_of(&digest);
        let root = &self.root;
        let known = statat(&root.fd, to.as_str(), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|found| u64::try_from(found.st_size) == Ok(size));
        if known && self.durability == Durability::Fast {
            self.end(true);
            return Ok(());
        }
        fchmod(&self.file, Mode::from(0o444)).map_err(root.io("protect the blob", &self.name))?;
        if self.durability == Durability::Synced {
            self.file.sync_data().map_err(root.io("sync the blob", &self.name))?;
        }
        renameat(&root.fd, self.name.as_str(), &root.fd, to.as_str()).map_err(root.io("store the blob", &to))?;
        self.name.clear();
        if self.durability == Durability::Synced {
            sync_folder(&self.root, FOLDER)?;
        }
        self.end(true);
        Ok(())
    }

    fn end(&self, stored: bool) {
        if let Some(progress) = &self.progress {
            progress.end(stored);
        }
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.file.write(bytes) {
            Ok(count) => {
                if let Some(hash) = &mut self.hash {
                    hash.update(&bytes[..count]);
                }
                self.size += count as u64;
                if let Some(progress) = &self.progress {
                    progress.wrote(count);
                }
                Ok(count)
            }
            Err(error) => {
                self.failed |= error.kind() != io::ErrorKind::Interrupted;
                Err(name_full(&self.root.path, error))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        self.end(false);
        if !self.name.is_empty() {
            // A failure leaves a file without a living owner, which the next sweep takes.
            let _ = unlinkat(&self.root.fd, self.name.as_str(), AtFlags::empty());
        }
    }
}

/// A blob on its way out.
///
/// A blob that turns out damaged is removed, so that the next build makes or fetches it again.
#[derive(Debug)]
pub struct BlobReader {
    root: Arc<Root>,
    name: String,
    inner: Verifying<File>,
}

impl BlobReader {
    /// The size in bytes.
    pub fn size(&self) -> u64 {
        self.inner.size()
    }

    /// Reads what is left and checks it.
    pub fn check(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(drop)
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        if result.is_err() && self.inner.verdict().is_some() {
            let _ = unlinkat(&self.root.fd, self.name.as_str(), AtFlags::empty());
        }
        result
    }
}

/// Makes the names in a folder of the store survive a power cut.
pub(super) fn sync_folder(root: &Root, name: &str) -> Result<(), StoreError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(&root.fd, name, flags, Mode::empty())
        .and_then(fsync)
        .map_err(root.io("sync the folder", name))
}
