//! A build context that comes as a tar, or as nothing but a Dockerfile.

use super::error::{ContextError, shown};
use super::lookup::{FoundDockerfile, LIMIT, source_of};
use super::select::{Hints, base_name};
use super::source::SourcePattern;
use super::stat::open_below;
use crate::layer::{
    DETECT, DeltaWriter, Entry, Format, Host, Kind, Listing, OverlayXattrs, Ownership, Time, Unpack, View, decoder,
    detect, unpack,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the files of a COPY come from when it has no `--from`.
pub trait Context: Hints + std::fmt::Debug + Send + Sync {
    /// Lists at least what the sources can reach, and what leads there.
    fn list(&self, sources: &[SourcePattern]) -> Result<Arc<Listing>, ContextError>;

    /// Opens the content of a file of the listing.
    fn open_file(&self, path: &[u8]) -> io::Result<File>;

    /// The moment that the files stand for, if they have one: `SOURCE_DATE_EPOCH=context`. That a directory was
    /// changed at some moment says nothing about its files.
    fn time(&self) -> Option<Time> {
        None
    }

    /// Keeps what was learnt about the files for the next build; tells whether that was anything new.
    fn save(&self) -> Result<bool, ContextError> {
        Ok(false)
    }
}

impl Context for super::LocalContext {
    fn save(&self) -> Result<bool, ContextError> {
        Self::save(self)
    }

    fn list(&self, sources: &[SourcePattern]) -> Result<Arc<Listing>, ContextError> {
        Self::list(self, sources)
    }

    fn open_file(&self, path: &[u8]) -> io::Result<File> {
        Self::open_file(self, path)
    }
}

/// A context without files: that of a Dockerfile from the standard input.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyContext;

impl Context for EmptyContext {
    fn list(&self, _: &[SourcePattern]) -> Result<Arc<Listing>, ContextError> {
        Ok(Arc::default())
    }

    fn open_file(&self, _: &[u8]) -> io::Result<File> {
        Err(io::ErrorKind::NotFound.into())
    }
}

impl Hints for EmptyContext {
    fn ignored(&self, _: &[u8]) -> bool {
        false
    }

    fn names(&self, _: &[u8]) -> Vec<String> {
        Vec::new()
    }
}

/// What came on the standard input.
#[derive(Debug)]
pub enum Stdin<'a> {
    /// A tar, possibly compressed: the context, with the Dockerfile in it.
    Tar(TarStream<'a>),
    /// A Dockerfile; the context is empty.
    Dockerfile(FoundDockerfile),
}

/// Tells a context from a Dockerfile by the first bytes, whatever the compression.
pub fn read_stdin<'a>(mut reader: impl Read + Send + 'a) -> Result<Stdin<'a>, ContextError> {
    let failed = |source| ContextError::Stdin { source };
    let mut start = Vec::with_capacity(DETECT);
    (&mut reader)
        .take(DETECT as u64)
        .read_to_end(&mut start)
        .map_err(failed)?;
    // A tar without members is nothing but zeros.
    let empty_tar = start.len() == DETECT && start.iter().all(|byte| *byte == 0);
    let format = match detect(&start) {
        Format::Unknown if empty_tar => Format::Tar,
        format => format,
    };
    let whole = io::Cursor::new(start).chain(reader);
    if format == Format::Unknown {
        let mut bytes = Vec::new();
        whole.take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
        return text(bytes).map(Stdin::Dockerfile);
    }
    let reader = decoder(format, whole).map_err(failed)?;
    Ok(Stdin::Tar(TarStream { reader }))
}

/// A Dockerfile that was read from the standard input.
fn text(bytes: Vec<u8>) -> Result<FoundDockerfile, ContextError> {
    if bytes.len() as u64 > LIMIT {
        return Err(ContextError::TooLarge {
            name: "the Dockerfile on the standard input".to_owned(),
            limit: LIMIT,
        });
    }
    let (source, diagnostics) = source_of("-", bytes);
    Ok(FoundDockerfile {
        path: PathBuf::from("-"),
        source,
        diagnostics,
    })
}

/// A context on its way in.
pub struct TarStream<'a> {
    reader: Box<dyn Read + Send + 'a>,
}

impl std::fmt::Debug for TarStream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TarStream").finish_non_exhaustive()
    }
}

impl TarStream<'_> {
    /// Unpacks into an empty directory, which stays the caller's.
    ///
    /// As with any context, owners become 0:0. No ignore file is applied: whoever packed the tar chose what is in it.
    pub fn unpack(self, directory: &Path, cancel: Option<&AtomicBool>) -> Result<TarContext, ContextError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || rustix::fs::open(directory, flags, Mode::empty());
        let failed = |errno: rustix::io::Errno| ContextError::Open {
            path: directory.to_owned(),
            source: errno.into(),
        };
        let host = Host {
            overlay_xattrs: OverlayXattrs::User,
            // The listing alone says what the entries are; the disk only holds contents.
            ownership: Ownership::Recorded,
            devices: false,
        };
        let writer = DeltaWriter::new(open().map_err(failed)?, host);
        let ours = |entry: &mut Entry| (entry.uid, entry.gid) = (0, 0);
        let options = Unpack {
            adjust: Some(&ours),
            ..Unpack::default()
        };
        let reader = Cancellable {
            reader: self.reader,
            cancel,
        };
        let listing = unpack(reader, &writer, &options)
            .and_then(|_| writer.finish())
            .map_err(|error| match cancel {
                Some(cancel) if cancel.load(Ordering::Relaxed) => ContextError::Cancelled,
                _ => ContextError::Unpack { source: error.into() },
            })?;
        let mut entries = listing.into_entries();
        // A local context does not show its own directory either.
        entries.retain(|entry| !entry.path.is_empty());
        let listing = Listing::from_entries(entries).map_err(|error| ContextError::Listing { source: error.into() })?;
        Ok(TarContext {
            path: directory.to_owned(),
            root: open().map_err(failed)?,
            view: View::new(vec![Arc::new(listing)]),
            time: None,
        })
    }
}

/// Stops a stream when the build is called off.
struct Cancellable<'a, R> {
    reader: R,
    cancel: Option<&'a AtomicBool>,
}

impl<R: Read> Read for Cancellable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => Err(io::Error::other("cancelled")),
            _ => self.reader.read(buffer),
        }
    }
}

/// A context that was unpacked from a tar.
#[derive(Debug)]
pub struct TarContext {
    path: PathBuf,
    root: OwnedFd,
    view: View,
    time: Option<Time>,
}

impl TarContext {
    /// The same context, which stands for a moment that somebody knows better than its files, such as the server that
    /// it came from.
    #[must_use]
    pub fn with_time(mut self, time: Option<Time>) -> Self {
        self.time = time;
        self
    }

    /// The directory that it was unpacked to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the Dockerfile: the option, or `Dockerfile`, or else `dockerfile`. Links are followed inside the tar.
    pub fn find_dockerfile(&self, option: Option<&str>) -> Result<FoundDockerfile, ContextError> {
        let names = match option {
            None => vec!["Dockerfile", "dockerfile"],
            Some(option) => vec![option],
        };
        for name in &names {
            let Ok(resolved) = self.view.resolve(name.as_bytes(), true) else {
                continue;
            };
            let Some(found) = resolved.found else { continue };
            if !matches!(self.view.file_of(&found).kind, Kind::File { .. }) {
                continue;
            }
            let mut bytes = Vec::new();
            let read =
                Context::open_file(self, &resolved.path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes));
            read.map_err(|source| ContextError::File {
                path: PathBuf::from(name),
                source,
            })?;
            if bytes.len() as u64 > LIMIT {
                return Err(ContextError::TooLarge {
                    name: (*name).to_owned(),
                    limit: LIMIT,
                });
            }
            let (source, diagnostics) = source_of(name, bytes);
            return Ok(FoundDockerfile {
                path: PathBuf::from(name),
                source,
                diagnostics,
            });
        }
        let wanted = names[0];
        let known = Hints::names(self, b"");
        Err(ContextError::NoDockerfile {
            name: PathBuf::from(wanted),
            context: PathBuf::from("-"),
            near: crate::diagnostic::nearest(wanted, known.iter().map(String::as_str)).map(PathBuf::from),
        })
    }
}

impl Context for TarContext {
    fn list(&self, _: &[SourcePattern]) -> Result<Arc<Listing>, ContextError> {
        Ok(self.view.layers().first().cloned().unwrap_or_default())
    }

    fn open_file(&self, path: &[u8]) -> io::Result<File> {
        let fd = open_below(self.root.as_fd(), path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        Ok(File::from(fd))
    }

    /// When the newest of its files was changed, unless another moment was given.
    fn time(&self) -> Option<Time> {
        let file = |entry: &&Entry| matches!(entry.kind, Kind::File { .. } | Kind::HardLink { .. });
        let entries = || self.view.layers().iter().flat_map(|listing| listing.entries());
        self.time
            .or_else(|| entries().filter(file).map(|entry| entry.mtime).max())
    }
}

impl Hints for TarContext {
    fn ignored(&self, _: &[u8]) -> bool {
        false
    }

    fn names(&self, directory: &[u8]) -> Vec<String> {
        let entries = self.view.read_dir(directory);
        entries
            .iter()
            .map(|found| shown(base_name(&found.entry.path)))
            .collect()
    }
}
