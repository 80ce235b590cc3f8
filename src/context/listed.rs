//! A context that does not change: a directory that is the engine's own, and the listing of it.

use super::error::{ContextError, shown};
use super::lookup::{FoundDockerfile, LIMIT, source_of};
use super::select::{Hints, base_name};
use super::source::SourcePattern;
use super::stat::open_below;
use super::stream::Context;
use crate::layer::{Entry, Kind, Listing, Time, View};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory whose files are known by a listing and do not change: an unpacked tar, a commit, a page.
#[derive(Debug)]
pub struct ListedContext {
    path: PathBuf,
    root: OwnedFd,
    view: View,
    time: Option<Time>,
}

impl ListedContext {
    /// The directory with these entries, all of which become 0:0's, as with any context.
    pub fn new(directory: &Path, mut entries: Vec<Entry>) -> Result<Self, ContextError> {
        // A local context does not show its own directory either.
        entries.retain(|entry| !entry.path.is_empty());
        for entry in &mut entries {
            (entry.uid, entry.gid) = (0, 0);
        }
        let listing = Listing::from_entries(entries).map_err(|error| ContextError::Listing { source: error.into() })?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(directory, flags, Mode::empty()).map_err(|errno| ContextError::Open {
            path: directory.to_owned(),
            source: errno.into(),
        })?;
        Ok(Self {
            path: directory.to_owned(),
            root,
            view: View::new(vec![Arc::new(listing)]),
            time: None,
        })
    }

    /// The same context, which stands for a moment that somebody knows better than its files, such as the server that
    /// it came from.
    #[must_use]
    pub fn with_time(mut self, time: Option<Time>) -> Self {
        self.time = time;
        self
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the Dockerfile: the option, or `Dockerfile`, or else `dockerfile`. Links are followed inside the context,
    /// whose name for messages is `context`.
    pub fn find_dockerfile(&self, context: &str, option: Option<&str>) -> Result<FoundDockerfile, ContextError> {
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
            context: PathBuf::from(context),
            near: crate::diagnostic::nearest(wanted, known.iter().map(String::as_str)).map(PathBuf::from),
        })
    }
}

impl Context for ListedContext {
    /// When the newest of its files was changed, unless another moment was given. A file as old as time itself says
    /// nothing.
    fn time(&self) -> Option<Time> {
        let file = |entry: &&Entry| matches!(entry.kind, Kind::File { .. } | Kind::HardLink { .. });
        let entries = || self.view.layers().iter().flat_map(|listing| listing.entries());
        let newest = || entries().filter(file).map(|entry| entry.mtime).max();
        self.time.or_else(|| newest().filter(|time| *time != Time::default()))
    }

    fn may_change(&self) -> bool {
        false
    }

    fn list(&self, _: &[SourcePattern]) -> Result<Arc<Listing>, ContextError> {
        Ok(self.view.layers().first().cloned().unwrap_or_default())
    }

    fn open_file(&self, path: &[u8]) -> io::Result<File> {
        let fd = open_below(self.root.as_fd(), path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        Ok(File::from(fd))
    }
}

impl Hints for ListedContext {
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
