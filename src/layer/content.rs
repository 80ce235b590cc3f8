//! Moves bytes into files, and names them on the way.

use super::entry::TreePath;
use super::error::LayerError;
use crate::digest::{FileDigest, FileHasher};
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the bytes of a file come from.
pub enum Content<'a> {
    /// No bytes: of entries that are no files, and of empty files.
    None,
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// Bytes that come in a stream, to its end.
    Reader(&'a mut dyn Read),
    /// A file from its beginning to its end, whatever its position is; moved inside the kernel where that works.
    File(BorrowedFd<'a>),
}

impl std::fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Bytes(_) => "Bytes",
            Self::Reader(_) => "Reader",
            Self::File(_) => "File",
        })
    }
}

/// Bytes moved by one pair of calls.
const CHUNK: usize = 1 << 20;
/// Unit in which zeros become holes.
const HOLE: usize = 64 << 10;
/// From here on hashing on all cores is worth its price.
const PARALLEL: usize = 128 << 10;

/// Copies contents; shares its buffers between threads and remembers what the file system cannot do.
#[derive(Debug, Default)]
pub(super) struct Copier {
    buffers: Mutex<Vec<Vec<u8>>>,
    no_clone: AtomicBool,
    no_copy: AtomicBool,
}

/// What was copied.
pub(super) struct Copied {
    pub(super) size: u64,
    pub(super) digest: FileDigest,
}

impl Copier {
    /// Fills an empty file. `known` is the size and digest that the content must have; without it both are found.
    pub(super) fn copy(
        &self,
        path: &[u8],
        content: Content<'_>,
        out: BorrowedFd<'_>,
        known: Option<Copied>,
    ) -> Result<Copied, LayerError> {
        let copied = match content {
            Content::None => Copied {
                size: 0,
                digest: FileHasher::of(&[]),
            },
            Content::Bytes(bytes) => {
                let mut sink = Sink::new(path, out);
                sink.write(bytes)?;
                sink.finish()?
            }
            Content::Reader(reader) => self.stream(path, out, |buffer, _| reader.read(buffer))?,
            Content::File(file) => match &known {
                Some(known) => return self.file(path, file, out, known),
                None => self.unknown_file(path, file, out)?,
            },
        };
        match known {
            Some(known) if known.size != copied.size || known.digest != copied.digest => {
                Err(LayerError::Changed(path.into()))
            }
            _ => Ok(copied),
        }
    }

    /// Copies a file whose size and digest are known, without looking at its bytes when that can be helped.
    fn file(
        &self,
        path: &[u8],
        file: BorrowedFd<'_>,
        out: BorrowedFd<'_>,
        known: &Copied,
    ) -> Result<Copied, LayerError> {
        let known = Copied { ..*known };
        if known.size == 0 {
            return Ok(known);
        }
        if self.clone(file, out) {
            let size = rustix::fs::fstat(out)
                .map_err(LayerError::disk("look at", path))?
                .st_size;
            return if size as u64 == known.size {
                Ok(known)
            } else {
                Err(LayerError::Changed(path.into()))
            };
        }
        if known.size >= CHUNK as u64 {
            let source = rustix::fs::fstat(file).map_err(content_error(path))?;
            if (source.st_blocks as u64).saturating_mul(512) < known.size {
                // Has holes: only the stream keeps them.
                let copied = self.stream(path, out, |buffer, at| Ok(rustix::io::pread(file, buffer, at)?))?;
                return if copied.size == known.size {
                    Ok(known)
                } else {
                    Err(LayerError::Changed(path.into()))
                };
            }
        }
        let mut at = 0;
        while at < known.size && !self.no_copy.load(Ordering::Relaxed) {
            let left = usize::try_from(known.size - at).unwrap_or(usize::MAX).min(1 << 30);
            let mut from = at;
            match rustix::fs::copy_file_range(file, Some(&mut from), out, None, left) {
                // Some file systems answer with nothing instead of an error; the loop below decides.
                Ok(0) => break,
                Ok(count) => at += count as u64,
                Err(Errno::INTR) => (),
                Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM | Errno::INVAL) => {
                    self.no_copy.store(true, Ordering::Relaxed);
                }
                Err(errno) => return Err(LayerError::disk("write", path)(errno)),
            }
        }
        if at < known.size {
            let mut buffer = self.buffer();
            while at < known.size {
                let count = match rustix::io::pread(file, &mut buffer[..], at).map_err(content_error(path))? {
                    0 => return Err(LayerError::Changed(path.into())),
                    count => (count as u64).min(known.size - at),
                };
                write_all(path, out, &buffer[..count as usize])?;
                at += count;
            }
            self.give_back(buffer);
        }
        Ok(known)
    }

    fn unknown_file(&self, path: &[u8], file: BorrowedFd<'_>, out: BorrowedFd<'_>) -> Result<Copied, LayerError> {
        let read = |buffer: &mut [u8], at| Ok(rustix::io::pread(file, buffer, at)?);
        if self.clone(file, out) {
            // What was cloned cannot change any more, unlike the source; but this descriptor may only write.
            let size = rustix::fs::fstat(out)
                .map_err(LayerError::disk("look at", path))?
                .st_size as u64;
            let mut hasher = FileHasher::new();
            let mut buffer = self.buffer();
            let mut at = 0;
            while at < size {
                let count = rustix::io::pread(file, &mut buffer[..], at).map_err(content_error(path))?;
                if count == 0 {
                    return Err(LayerError::Changed(path.into()));
                }
                let count = count.min(usize::try_from(size - at).unwrap_or(usize::MAX));
                hash(&mut hasher, &buffer[..count]);
                at += count as u64;
            }
            self.give_back(buffer);
            return Ok(Copied {
                size,
                digest: hasher.finish(),
            });
        }
        self.stream(path, out, read)
    }

    /// Shares the source's blocks where the file system can.
    fn clone(&self, file: BorrowedFd<'_>, out: BorrowedFd<'_>) -> bool {
        if self.no_clone.load(Ordering::Relaxed) {
            return false;
        }
        let cloned = rustix::fs::ioctl_ficlone(out, file).is_ok();
        // Sources of one copy lie on one file system; one refusal is believed for all of them.
        self.no_clone.store(!cloned, Ordering::Relaxed);
        cloned
    }

    /// Writes what `read` gives until it gives nothing; its second argument is the place in the stream.
    fn stream(
        &self,
        path: &[u8],
        out: BorrowedFd<'_>,
        mut read: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    ) -> Result<Copied, LayerError> {
        let mut buffer = self.buffer();
        let mut sink = Sink::new(path, out);
        let mut end = false;
        while !end {
            let mut filled = 0;
            while filled < buffer.len() {
                match read(&mut buffer[filled..], sink.at + filled as u64) {
                    Ok(0) => {
                        end = true;
                        break;
                    }
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                    Err(source) => {
                        return Err(LayerError::Content {
                            path: path.into(),
                            source,
                        });
                    }
                }
            }
            sink.write(&buffer[..filled])?;
        }
        self.give_back(buffer);
        sink.finish()
    }

    fn buffer(&self) -> Vec<u8> {
        let spare = self.buffers.lock().unwrap_or_else(|it| it.into_inner()).pop();
        // Zeroed pages come from the kernel when they are touched: small files touch few.
        spare.unwrap_or_else(|| vec![0; CHUNK])
    }

    fn give_back(&self, buffer: Vec<u8>) {
        self.buffers.lock().unwrap_or_else(|it| it.into_inner()).push(buffer);
    }
}

/// A file being written from its beginning.
struct Sink<'a> {
    path: &'a [u8],
    out: BorrowedFd<'a>,
    hasher: FileHasher,
    /// Bytes so far, holes included.
    at: u64,
    /// The file ends in a hole that only its length tells.
    hole: bool,
}

impl<'a> Sink<'a> {
    fn new(path: &'a [u8], out: BorrowedFd<'a>) -> Self {
        Self {
            path,
            out,
            hasher: FileHasher::new(),
            at: 0,
            hole: false,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        hash(&mut self.hasher, bytes);
        if bytes.len() < HOLE {
            return self.data(bytes);
        }
        let empty = |block: &&[u8]| block.len() == HOLE && block.iter().all(|byte| *byte == 0);
        let mut rest = bytes;
        while !rest.is_empty() {
            let zeros = rest.chunks(HOLE).take_while(empty).count() * HOLE;
            self.at += zeros as u64;
            self.hole |= zeros > 0;
            rest = &rest[zeros..];
            let data = rest
                .chunks(HOLE)
                .take_while(|block| !empty(block))
                .map(<[u8]>::len)
                .sum();
            self.data(&rest[..data])?;
            rest = &rest[data..];
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.hole {
            let seek = rustix::fs::seek(self.out, SeekFrom::Start(self.at));
            seek.map_err(LayerError::disk("write", self.path))?;
            self.hole = false;
        }
        write_all(self.path, self.out, bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn finish(self) -> Result<Copied, LayerError> {
        if self.hole {
            rustix::fs::ftruncate(self.out, self.at).map_err(LayerError::disk("write", self.path))?;
        }
        Ok(Copied {
            size: self.at,
            digest: self.hasher.finish(),
        })
    }
}

pub(super) fn hash(hasher: &mut FileHasher, bytes: &[u8]) {
    if bytes.len() >= PARALLEL {
        hasher.update_parallel(bytes);
    } else {
        hasher.update(bytes);
    }
}

fn write_all(path: &[u8], out: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), LayerError> {
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => (),
            Err(errno) => return Err(LayerError::disk("write", path)(errno)),
        }
    }
    Ok(())
}

fn content_error(path: &[u8]) -> impl Fn(Errno) -> LayerError {
    let path: TreePath = path.into();
    move |errno| LayerError::Content {
        path: path.clone(),
        source: errno.into(),
    }
}
