//! A directory of the user's as a listing.

use super::error::{ContextError, shown};
use super::ignore::Ignore;
use super::index::Index;
use super::reach::Reach;
use super::record;
use super::select::Hints;
use super::source::SourcePattern;
use super::stat::open_below;
use super::tree::{Counts, Directory, Ground, Spot};
use crate::digest::{Fields, FileDigest};
use crate::layer::{Entry, Kind, Listing, Time, TreePath};
use rayon::prelude::*;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A directory of the user's, seen through its ignore file.
///
/// Owners are 0:0, whoever owns the files; modes and times are the files'. Sockets do not show. The directory itself
/// has no entry, so that its mode and time do not matter. Every directory is read at most once and every file's
/// content at most once in the life of this value; several threads may ask at the same time, but not from inside a
/// rayon task.
#[derive(Debug)]
pub struct LocalContext {
    path: PathBuf,
    ground: Ground,
    root: Directory,
    index: Option<PathBuf>,
    stamp: Time,
    /// The index was written again: the one that was loaded is no longer what is known.
    saved: AtomicBool,
    whole: Mutex<Option<Arc<Listing>>>,
}

/// How much work a context has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ContextWork {
    /// Names that were looked at and are not ignored.
    pub entries: u64,
    /// Files whose content was read, because the index did not know it.
    pub hashed_files: u64,
    /// Bytes in them.
    pub hashed_bytes: u64,
}

impl LocalContext {
    /// Opens a directory; `index` is the file that remembers contents from build to build.
    ///
    /// An index that is missing, damaged or of another version means that all files are read.
    pub fn open(directory: &Path, ignore: Ignore, index: Option<&Path>) -> Result<Self, ContextError> {
        // The clock that files' times are taken from, before the first file is looked at.
        let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        let stamp = Time {
            seconds: now.tv_sec,
            nanoseconds: u32::try_from(now.tv_nsec).unwrap_or_default(),
        };
        Self::open_at(directory, ignore, index, stamp)
    }

    pub(super) fn open_at(
        directory: &Path,
        ignore: Ignore,
        index: Option<&Path>,
        stamp: Time,
    ) -> Result<Self, ContextError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(directory, flags, Mode::empty()).map_err(|errno| ContextError::Open {
            path: directory.to_owned(),
            source: errno.into(),
        })?;
        let loaded = index.and_then(|path| std::fs::read(path).ok()).and_then(Index::load);
        let ground = Ground {
            root,
            ignore,
            changed: AtomicBool::new(false),
            index: loaded,
            cancel: None,
            counts: Counts::default(),
        };
        Ok(Self {
            path: directory.to_owned(),
            root: Directory::root(&ground),
            ground,
            index: index.map(Path::to_owned),
            stamp,
            saved: AtomicBool::new(false),
            whole: Mutex::default(),
        })
    }

    /// Gives up with [`ContextError::Cancelled`] soon after `cancel` becomes true.
    #[must_use]
    pub fn with_cancel(mut self, cancel: Arc<AtomicBool>) -> Self {
        self.ground.cancel = Some(cancel);
        self
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A handle on the directory.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.ground.root.as_fd()
    }

    /// The ignore file's rules.
    pub fn ignore(&self) -> &Ignore {
        &self.ground.ignore
    }

    /// The file that remembers contents.
    pub fn index_path(&self) -> Option<&Path> {
        self.index.as_deref()
    }

    /// How much work there was so far.
    pub fn work(&self) -> ContextWork {
        let counts = &self.ground.counts;
        ContextWork {
            entries: counts.entries.load(Ordering::Relaxed),
            hashed_files: counts.hashed_files.load(Ordering::Relaxed),
            hashed_bytes: counts.hashed_bytes.load(Ordering::Relaxed),
        }
    }

    /// Opens a file of the listing for reading; never follows a link.
    pub fn open_file(&self, path: &[u8]) -> io::Result<File> {
        let fd = open_below(self.root(), path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        Ok(File::from(fd))
    }

    /// Lists all that the sources can reach, and what leads there.
    ///
    /// Nothing else is looked at. Links on the way are followed inside the context and are listed, as is what they
    /// lead to. A source that leads nowhere is no error here.
    pub fn list(&self, sources: &[SourcePattern]) -> Result<Arc<Listing>, ContextError> {
        let mut reach = Reach::new(&self.ground, &self.root);
        for source in sources {
            reach.add(source)?;
        }
        let mut whole = None;
        if reach.need.whole {
            let kept = self.whole.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(listing) = kept {
                return Ok(listing);
            }
            whole = Some(&self.whole);
        }
        let found = reach.collect()?;
        let before = self.work().hashed_files;
        self.ground.learn(&found)?;
        let listing = Listing::from_entries(self.entries(&found)?)
            .map_err(|error| ContextError::Listing { source: error.into() })?;
        let listing = Arc::new(listing);
        if let Some(whole) = whole {
            *whole.lock().unwrap_or_else(PoisonError::into_inner) = Some(listing.clone());
        }
        if self.work().hashed_files != before {
            // What was read is worth keeping even if the build is cut off; an index that cannot be written is not
            // worth failing for, and `save` will say so.
            let _ = self.save();
        }
        Ok(listing)
    }

    /// Names the state of the directory when all that the sources can reach is as the index says. It takes a look at
    /// every name, but no listing.
    ///
    /// Wherever it has the same name, the same sources give the same listing.
    pub fn state(&self, sources: &[SourcePattern]) -> Result<Option<FileDigest>, ContextError> {
        let Some(index) = &self.ground.index else {
            return Ok(None);
        };
        let mut reach = Reach::new(&self.ground, &self.root);
        for source in sources {
            reach.add(source)?;
        }
        let known = reach.collect()?.iter().all(|spot| spot.child.seen().is_some());
        // What differs from the index is marked as changed, until it is saved.
        if !known || self.ground.changed.load(Ordering::SeqCst) || self.saved.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let mut fields = Fields::new("varve 2026 context state v1");
        let fields = fields.bytes(index.checksum()).bytes(self.ground.ignore.text());
        Ok(Some(fields.file_digest()))
    }

    /// Writes the index when it would say something new; tells whether it was written.
    pub fn save(&self) -> Result<bool, ContextError> {
        let Some(path) = &self.index else { return Ok(false) };
        if self.ground.changed.load(Ordering::SeqCst) {
            // Before the other mark is taken away, so that one of them is always seen.
            self.saved.store(true, Ordering::SeqCst);
        }
        if !self.ground.changed.swap(false, Ordering::SeqCst) {
            return Ok(false);
        }
        let Some(bytes) = record::encode(&self.ground, &self.root, self.stamp) else {
            return Ok(false);
        };
        record::write(path, &bytes)
            .map(|()| true)
            .map_err(|source| ContextError::Index {
                path: path.clone(),
                source,
            })
    }

    fn entries(&self, found: &[Spot<'_>]) -> Result<Vec<Entry>, ContextError> {
        // The first name of everything that has several; directories have just one, whatever their count says.
        let mut firsts: HashMap<(u64, u64), usize> = HashMap::new();
        for (at, spot) in found.iter().enumerate() {
            let stat = &spot.child.stat;
            if stat.links > 1 && !stat.file_type().is_dir() {
                firsts.entry((stat.device, stat.inode)).or_insert(at);
            }
        }
        let entry = |(at, spot): (usize, &Spot<'_>)| {
            let stat = &spot.child.stat;
            let first = match firsts.is_empty() {
                true => None,
                false => firsts.get(&(stat.device, stat.inode)).filter(|first| **first != at),
            };
            self.entry(spot, first.map(|first| found[*first].path()))
        };
        found.par_iter().enumerate().with_min_len(1024).map(entry).collect()
    }

    fn entry(&self, spot: &Spot<'_>, first: Option<TreePath>) -> Result<Entry, ContextError> {
        let path = spot.path();
        let stat = &spot.child.stat;
        let known = self.ground.known(&path, spot.child)?;
        let (major, minor) = stat.number;
        let kind = match (stat.file_type(), first) {
            (FileType::Directory, _) => Kind::Directory { opaque: false },
            (_, Some(target)) => Kind::HardLink { target },
            (FileType::Symlink, _) => Kind::Symlink {
                target: known.target().into(),
            },
            (FileType::CharacterDevice, _) => Kind::Character { major, minor },
            (FileType::BlockDevice, _) => Kind::Block { major, minor },
            (FileType::Fifo, _) => Kind::Fifo,
            // Sockets were left out when the directory was read.
            (FileType::RegularFile | FileType::Socket | FileType::Unknown, None) => Kind::File {
                size: known.size,
                digest: known.digest.unwrap_or(FileDigest::from_bytes([0; 32])),
            },
        };
        Ok(Entry {
            path,
            kind,
            mode: (stat.mode & 0o7777) as u16,
            uid: 0,
            gid: 0,
            mtime: stat.mtime,
            xattrs: known.xattrs(),
        })
    }
}

impl Hints for LocalContext {
    fn ignored(&self, path: &[u8]) -> bool {
        let exists = || {
            let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
                Some(at) => (&path[..at], &path[at + 1..]),
                None => (&b""[..], path),
            };
            let parent = open_below(self.root(), parent, OFlags::PATH | OFlags::DIRECTORY).ok()?;
            rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).ok()
        };
        self.ground.ignore.excludes(path) && exists().is_some()
    }

    fn names(&self, directory: &[u8]) -> Vec<String> {
        let mut at = &self.root;
        for name in directory.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            let below = self.ground.children(at).ok().and_then(|children| children.get(name));
            match below.and_then(|child| child.directory.as_deref()) {
                Some(below) => at = below,
                None => return Vec::new(),
            }
        }
        let children = self.ground.children(at);
        children.map_or_else(
            |_| Vec::new(),
            |children| {
                let visible = children.list().iter().filter(|child| !child.hidden);
                visible.map(|child| shown(children.name(child))).collect()
            },
        )
    }
}
