//! A build context that comes in a stream: as a tar, or as nothing but a Dockerfile.

use super::error::ContextError;
use super::ignore::Ignore;
use super::listed::ListedContext;
use super::lookup::{FoundDockerfile, LIMIT, source_of};
use super::select::Hints;
use super::source::SourcePattern;
use crate::digest::FileDigest;
use crate::layer::{
    DETECT, DeltaWriter, Entry, Format, Host, Listing, OverlayXattrs, Ownership, Time, Unpack, decoder, detect, unpack,
};
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

    /// Names the state of all that the sources can reach, where that takes less than listing it: equal states have
    /// equal listings.
    fn state(&self, _: &[SourcePattern]) -> Result<Option<FileDigest>, ContextError> {
        Ok(None)
    }

    /// Opens the content of a file of the listing.
    fn open_file(&self, path: &[u8]) -> io::Result<File>;

    /// The moment that the files stand for, if they have one: `SOURCE_DATE_EPOCH=context`. That a directory was
    /// changed at some moment says nothing about its files.
    fn time(&self) -> Option<Time> {
        None
    }

    /// What keeps files out of it, when there is such a thing.
    fn ignore(&self) -> Option<&Ignore> {
        None
    }

    /// Whether somebody may write to the files while they are read.
    fn may_change(&self) -> bool {
        true
    }

    /// Keeps what was learnt about the files for the next build; tells whether that was anything new.
    fn save(&self) -> Result<bool, ContextError> {
        Ok(false)
    }
}

impl Context for super::LocalContext {
    fn ignore(&self) -> Option<&Ignore> {
        Some(Self::ignore(self))
    }

    fn save(&self) -> Result<bool, ContextError> {
        Self::save(self)
    }

    fn list(&self, sources: &[SourcePattern]) -> Result<Arc<Listing>, ContextError> {
        Self::list(self, sources)
    }

    fn state(&self, sources: &[SourcePattern]) -> Result<Option<FileDigest>, ContextError> {
        Self::state(self, sources)
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

/// What came in a stream.
#[derive(Debug)]
pub enum Stream<'a> {
    /// A tar, possibly compressed: the context, with the Dockerfile in it.
    Tar(TarStream<'a>),
    /// A Dockerfile; the context is empty.
    Dockerfile(FoundDockerfile),
}

/// Tells a context from a Dockerfile by the first bytes, whatever the compression. `name` says where they come from; the
/// standard input is `-`.
pub fn read_stream<'a>(name: &str, mut reader: impl Read + Send + 'a) -> Result<Stream<'a>, ContextError> {
    let failed = |source| ContextError::Stream {
        name: place(name),
        source,
    };
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
        return text(name, bytes).map(Stream::Dockerfile);
    }
    let reader = decoder(format, whole).map_err(failed)?;
    Ok(Stream::Tar(TarStream { reader }))
}

/// A Dockerfile that came in a stream.
fn text(name: &str, bytes: Vec<u8>) -> Result<FoundDockerfile, ContextError> {
    if bytes.len() as u64 > LIMIT {
        return Err(ContextError::TooLarge {
            name: match name {
                "-" => "the Dockerfile on the standard input".to_owned(),
                name => name.to_owned(),
            },
            limit: LIMIT,
        });
    }
    let (source, diagnostics) = source_of(name, bytes);
    Ok(FoundDockerfile {
        path: PathBuf::from(name),
        source,
        diagnostics,
    })
}

fn place(name: &str) -> String {
    match name {
        "-" => "the standard input".to_owned(),
        name => format!("`{name}`"),
    }
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
    pub fn unpack(self, directory: &Path, cancel: Option<&AtomicBool>) -> Result<ListedContext, ContextError> {
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
        ListedContext::new(directory, listing.into_entries())
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
