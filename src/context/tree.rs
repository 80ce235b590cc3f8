//! The context directory as far as it has been looked at: each directory is read once, each file at most once.

use super::error::{ContextError, shown};
use super::ignore::Ignore;
use super::index::{Content, Index};
use super::patterns::Covered;
use super::stat::{MAX_PATH, Stat, open_below};
use crate::digest::{FileDigest, FileHasher};
use crate::layer::{TreePath, Xattrs};
use rayon::prelude::*;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, OFlags, RawDir};
use rustix::io::Errno;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Files from this size on are hashed on all cores.
const LARGE: u64 = 8 << 20;
/// How often a file that changes while it is read is read again.
const ATTEMPTS: usize = 3;
/// Bytes read at once.
const CHUNK: usize = 128 << 10;

/// What is needed to look at the context directory.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) root: OwnedFd,
    pub(super) ignore: Ignore,
    pub(super) index: Option<Index>,
    pub(super) cancel: Option<Arc<AtomicBool>>,
    /// Something was learned that the index does not say, or the index says something that is no longer so.
    pub(super) changed: AtomicBool,
    pub(super) counts: Counts,
}

/// How much work was done.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) entries: AtomicU64,
    pub(super) hashed_files: AtomicU64,
    pub(super) hashed_bytes: AtomicU64,
}

/// A directory of the context.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: TreePath,
    covered: Covered,
    /// Its number in the index.
    pub(super) record: Option<u32>,
    children: OnceLock<Result<Children, Errno>>,
}

/// What a directory has in it, in order of the names.
#[derive(Debug, Default)]
pub(super) struct Children {
    names: Vec<u8>,
    list: Vec<Child>,
    /// Ignored names, sorted; only kept when the index may know something about them.
    pub(super) ignored: Vec<Box<[u8]>>,
}

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Child {
    name: (u32, u32),
    pub(super) stat: Stat,
    /// A directory that is ignored, but something below it may not be.
    pub(super) hidden: bool,
    pub(super) directory: Option<Box<Directory>>,
    known: OnceLock<Result<Known, Errno>>,
}

/// A name and the directory that it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) directory: &'a Directory,
    pub(super) name: &'a [u8],
    pub(super) child: &'a Child,
}

impl Spot<'_> {
    pub(super) fn path(&self) -> TreePath {
        self.directory.join(self.name)
    }
}

/// What is not in the directory itself and has to be read.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Of a file.
    pub(super) digest: Option<FileDigest>,
    /// Of a file: bytes that were hashed.
    pub(super) size: u64,
    /// What few files have; a small value keeps large contexts small.
    extra: Option<Box<Extra>>,
    /// It belongs to the state that `stat` describes.
    pub(super) sure: bool,
}

#[derive(Debug, Default)]
struct Extra {
    target: Box<[u8]>,
    xattrs: Xattrs,
}

impl Known {
    fn with(mut self, target: &[u8], xattrs: Xattrs) -> Self {
        if !target.is_empty() || !xattrs.is_empty() {
            self.extra = Some(Box::new(Extra {
                target: target.into(),
                xattrs,
            }));
        }
        self
    }

    /// Of a link.
    pub(super) fn target(&self) -> &[u8] {
        self.extra.as_ref().map_or(&[], |extra| &extra.target)
    }

    pub(super) fn xattrs(&self) -> Xattrs {
        self.extra
            .as_ref()
            .map_or_else(Xattrs::new, |extra| extra.xattrs.clone())
    }
}

impl Directory {
    pub(super) fn root(ground: &Ground) -> Self {
        Self {
            path: TreePath::default(),
            covered: ground.ignore.root(),
            record: ground.index.is_some().then_some(0),
            children: OnceLock::new(),
        }
    }

    /// The path of a name in it.
    pub(super) fn join(&self, name: &[u8]) -> TreePath {
        if self.path.is_empty() {
            name.into()
        } else {
            let mut path = Vec::with_capacity(self.path.len() + 1 + name.len());
            path.extend_from_slice(&self.path);
            path.push(b'/');
            path.extend_from_slice(name);
            path.into_boxed_slice()
        }
    }

    /// What is in it, if it has been read.
    pub(super) fn seen(&self) -> Option<&Children> {
        self.children.get().and_then(|children| children.as_ref().ok())
    }
}

impl Children {
    pub(super) fn name(&self, child: &Child) -> &[u8] {
        &self.names[child.name.0 as usize..child.name.1 as usize]
    }

    pub(super) fn list(&self) -> &[Child] {
        &self.list
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&Child> {
        let at = self.list.binary_search_by(|child| self.name(child).cmp(name)).ok()?;
        Some(&self.list[at])
    }
}

impl Child {
    /// What was read of it, if it was.
    pub(super) fn seen(&self) -> Option<&Known> {
        self.known.get().and_then(|known| known.as_ref().ok())
    }
}

impl Ground {
    /// What a directory has in it.
    pub(super) fn children<'a>(&self, directory: &'a Directory) -> Result<&'a Children, ContextError> {
        self.check_cancelled()?;
        directory
            .children
            .get_or_init(|| self.read_directory(directory))
            .as_ref()
            .map_err(|errno| failure(&directory.path, *errno))
    }

    /// Reads directories and everything below them that may be in the context, on all cores.
    pub(super) fn read_below(&self, directories: Vec<&Directory>) -> Result<(), ContextError> {
        fn read<'s>(ground: &'s Ground, directory: &'s Directory, failed: &'s Failures, scope: &rayon::Scope<'s>) {
            match ground.children(directory) {
                Err(error) => failed.add(&directory.path, error),
                Ok(children) => {
                    for below in children.list.iter().filter_map(|child| child.directory.as_deref()) {
                        scope.spawn(move |scope| read(ground, below, failed, scope));
                    }
                }
            }
        }
        let failed = Failures::default();
        rayon::scope(|scope| {
            for directory in directories {
                let failed = &failed;
                scope.spawn(move |scope| read(self, directory, failed, scope));
            }
        });
        failed.first()
    }

    /// What has to be read of a child; reads it unless the index knows.
    pub(super) fn known<'a>(&self, path: &[u8], child: &'a Child) -> Result<&'a Known, ContextError> {
        self.known_with(path, child, &mut Vec::new())
    }

    /// Reads what is not yet known of many, on all cores.
    pub(super) fn learn(&self, wanted: &[Spot<'_>]) -> Result<(), ContextError> {
        let unknown: Vec<&Spot<'_>> = wanted.iter().filter(|spot| spot.child.known.get().is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let failed = Failures::default();
        unknown.into_par_iter().for_each_init(Vec::new, |buffer, spot| {
            let path = spot.path();
            if let Err(error) = self.known_with(&path, spot.child, buffer) {
                failed.add(&path, error);
            }
        });
        failed.first()
    }

    fn known_with<'a>(&self, path: &[u8], child: &'a Child, buffer: &mut Vec<u8>) -> Result<&'a Known, ContextError> {
        self.check_cancelled()?;
        if child.stat.size >= LARGE && child.stat.file_type().is_file() && child.known.get().is_none() {
            // Not inside the lock: this one makes use of the other threads, and one of them may wait for the lock.
            let known = self.read_file(path, &child.stat, buffer, true);
            let _ = child.known.set(known);
        }
        let known = child.known.get_or_init(|| {
            self.changed.store(true, Ordering::Relaxed);
            match child.stat.file_type() {
                FileType::RegularFile => self.read_file(path, &child.stat, buffer, false),
                FileType::Directory => self.read_directory_xattrs(path, &child.stat),
                _ => Ok(Known {
                    sure: true,
                    ..Known::default()
                }),
            }
        });
        known.as_ref().map_err(|errno| failure(path, *errno))
    }

    fn check_cancelled(&self) -> Result<(), ContextError> {
        match &self.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => Err(ContextError::Cancelled),
            _ => Ok(()),
        }
    }

    /// Must not use other threads: it runs inside a lock for which they may wait.
    fn read_directory(&self, directory: &Directory) -> Result<Children, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        let fd = open_below(self.root.as_fd(), &directory.path, flags)?;
        let mut names = Names::default();
        let mut buffer: Vec<u8> = Vec::with_capacity(32 << 10);
        let mut entries = RawDir::new(&fd, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.add(entry.file_name(), entry.file_type());
            }
        }
        names.sort();
        self.look(directory, &fd, names)
    }

    /// Looks at each name, drops what is ignored, and takes over what the index knows.
    fn look(&self, directory: &Directory, fd: &OwnedFd, names: Names) -> Result<Children, Errno> {
        let mut records = match (&self.index, directory.record) {
            (Some(index), Some(number)) => Some((index, index.directory(number).peekable())),
            _ => None,
        };
        let patterns = self.ignore.patterns();
        let mut children = Children {
            list: Vec::with_capacity(names.list.len()),
            ..Children::default()
        };
        let mut path = directory.path.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        let base = path.len();
        for &(start, end, listed) in &names.list {
            let name_nul = &names.text[start as usize..end as usize];
            let name = &name_nul[..name_nul.len() - 1];
            path.truncate(base);
            path.extend_from_slice(name);
            if path.len() > MAX_PATH {
                return Err(Errno::NAMETOOLONG);
            }
            // The records are in the order of the names, as the names are.
            let mut record = None;
            if let Some((_, records)) = &mut records {
                while records.next_if(|record| record.name < name).is_some() {
                    self.changed.store(true, Ordering::Relaxed);
                }
                record = records.next_if(|record| record.name == name);
            }
            let stat_name = || {
                let name = std::ffi::CStr::from_bytes_with_nul(name_nul).map_err(|_| Errno::INVAL)?;
                Stat::at(fd, name)
            };
            let mut stat = None;
            let mut kind = listed;
            if kind == FileType::Unknown && !patterns.is_empty() {
                match stat_name() {
                    Err(Errno::NOENT) => {
                        self.changed.store(true, Ordering::Relaxed);
                        continue;
                    }
                    other => stat = Some(other?),
                }
                kind = stat.map_or(kind, |stat| stat.file_type());
            }
            let covered = if patterns.is_empty() {
                directory.covered.clone()
            } else if kind == FileType::Directory {
                patterns.enter(&directory.covered, &path)
            } else if patterns.covers(&directory.covered, &path) {
                if record.is_some() {
                    children.ignored.push(name.into());
                }
                continue;
            } else {
                Covered::default()
            };
            if covered.is_covered() && !patterns.may_except_below(&path) {
                if record.is_some() {
                    children.ignored.push(name.into());
                }
                continue;
            }
            let stat = match stat.map_or_else(stat_name, Ok) {
                // It went away since the directory was read.
                Err(Errno::NOENT) => {
                    self.changed.store(true, Ordering::Relaxed);
                    continue;
                }
                other => other?,
            };
            if stat.file_type() == FileType::Socket {
                if record.is_some() {
                    self.changed.store(true, Ordering::Relaxed);
                }
                continue;
            }
            // What was a file a moment ago and is a directory now was not asked about in the right way.
            if stat.file_type().is_dir() != kind.is_dir() && kind != FileType::Unknown {
                self.changed.store(true, Ordering::Relaxed);
                continue;
            }
            let known = OnceLock::new();
            let mut number = None;
            if let (Some(record), Some((index, _))) = (&record, &records) {
                if let Content::Directory(own) = record.content {
                    number = own;
                }
                if let Some(taken) = taken(index, record, &stat) {
                    let _ = known.set(Ok(taken));
                }
            }
            if stat.file_type().is_symlink() && known.get().is_none() {
                self.changed.store(true, Ordering::Relaxed);
                let target = match rustix::fs::readlinkat(fd, name, Vec::with_capacity(256)) {
                    Err(Errno::NOENT | Errno::INVAL) => continue,
                    other => other?,
                };
                let fresh = Known {
                    sure: true,
                    ..Known::default()
                };
                let _ = known.set(Ok(fresh.with(target.as_bytes(), Xattrs::new())));
            }
            let at = children.names.len() as u32;
            children.names.extend_from_slice(name);
            children.list.push(Child {
                name: (at, at + name.len() as u32),
                stat,
                hidden: covered.is_covered(),
                directory: stat.file_type().is_dir().then(|| {
                    Box::new(Directory {
                        path: path.as_slice().into(),
                        covered,
                        record: number,
                        children: OnceLock::new(),
                    })
                }),
                known,
            });
        }
        if records.is_some_and(|(_, mut records)| records.next().is_some()) {
            self.changed.store(true, Ordering::Relaxed);
        }
        self.counts
            .entries
            .fetch_add(children.list.len() as u64, Ordering::Relaxed);
        Ok(children)
    }

    fn read_file(&self, path: &[u8], stat: &Stat, buffer: &mut Vec<u8>, parallel: bool) -> Result<Known, Errno> {
        self.changed.store(true, Ordering::Relaxed);
        buffer.resize(if parallel { 1 << 20 } else { CHUNK }, 0);
        let fd = open_below(self.root.as_fd(), path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let mut before = *stat;
        let mut attempts = 0;
        let (digest, size, after) = loop {
            let mut hasher = FileHasher::new();
            let mut size = 0u64;
            loop {
                let read = match rustix::io::pread(&fd, &mut buffer[..], size) {
                    Err(Errno::INTR) => continue,
                    other => other?,
                };
                if read == 0 {
                    break;
                }
                if parallel {
                    hasher.update_parallel(&buffer[..read]);
                } else {
                    hasher.update(&buffer[..read]);
                }
                size += read as u64;
                if self.check_cancelled().is_err() {
                    return Err(Errno::CANCELED);
                }
            }
            let after = Stat::of(&fd)?;
            if !after.file_type().is_file() {
                return Err(Errno::STALE);
            }
            attempts += 1;
            if after.is_same(&before) || attempts == ATTEMPTS {
                break (hasher.finish(), size, after);
            }
            before = after;
        };
        self.counts.hashed_files.fetch_add(1, Ordering::Relaxed);
        self.counts.hashed_bytes.fetch_add(size, Ordering::Relaxed);
        let known = Known {
            digest: Some(digest),
            size,
            extra: None,
            sure: after.is_same(stat) && size == stat.size,
        };
        Ok(known.with(b"", xattrs(&fd, buffer)?))
    }

    fn read_directory_xattrs(&self, path: &[u8], stat: &Stat) -> Result<Known, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        let fd = open_below(self.root.as_fd(), path, flags)?;
        let known = Known {
            sure: Stat::of(&fd)?.is_same(stat),
            ..Known::default()
        };
        Ok(known.with(b"", xattrs(&fd, &mut Vec::new())?))
    }
}

/// What the index knows of a file, when it can be believed.
fn taken(index: &Index, record: &super::index::Record<'_>, stat: &Stat) -> Option<Known> {
    if !record.stat.is_same(stat) || !index.trusts(record) {
        return None;
    }
    let mut known = Known {
        size: stat.size,
        sure: true,
        ..Known::default()
    };
    let mut link: &[u8] = b"";
    match (record.content, stat.file_type()) {
        (Content::File(digest), FileType::RegularFile) => known.digest = Some(digest),
        (Content::Symlink(target), FileType::Symlink) => link = target,
        (Content::Directory(_), FileType::Directory) | (Content::Other, _) => {}
        _ => return None,
    }
    Some(known.with(link, record.xattrs.clone()))
}

/// The extended attributes that a COPY keeps, sorted by name.
///
/// These are the ones that any user may set, and file capabilities. Labels and access lists of this machine stay
/// here, and so do `trusted` attributes, which only show when root builds.
fn xattrs(fd: &OwnedFd, buffer: &mut Vec<u8>) -> Result<Xattrs, Errno> {
    let list = match fill(buffer, |buffer| rustix::fs::flistxattr(fd, buffer)) {
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Xattrs::new()),
        other => other?,
    };
    let mut out = Xattrs::new();
    for name in list.split(|byte| *byte == 0) {
        let kept = name == b"security.capability" || name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
        if !kept {
            continue;
        }
        let name_nul = CString::new(name).map_err(|_| Errno::INVAL)?;
        match fill(buffer, |buffer| rustix::fs::fgetxattr(fd, &*name_nul, buffer)) {
            Ok(value) => out.push((name.into(), value.into())),
            Err(Errno::NODATA) => {}
            Err(errno) => return Err(errno),
        }
    }
    out.sort();
    Ok(out)
}

/// Fills a buffer that is large enough for anything the kernel holds in one attribute or list.
fn fill(buffer: &mut Vec<u8>, call: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    if buffer.len() < 64 << 10 {
        buffer.resize(64 << 10, 0);
    }
    let length = call(&mut buffer[..])?;
    Ok(buffer[..length].to_vec())
}

fn failure(path: &[u8], errno: Errno) -> ContextError {
    match errno {
        Errno::CANCELED => ContextError::Cancelled,
        Errno::NAMETOOLONG => ContextError::TooLong {
            path: shown(&path[..path.len().min(80)]),
            limit: MAX_PATH,
        },
        errno => ContextError::Read {
            path: if path.is_empty() { ".".to_owned() } else { shown(path) },
            source: errno.into(),
        },
    }
}

/// Names of a directory before they are looked at.
#[derive(Debug, Default)]
struct Names {
    /// Each with the zero byte that ends it.
    text: Vec<u8>,
    list: Vec<(u32, u32, FileType)>,
}

impl Names {
    fn add(&mut self, name: &std::ffi::CStr, kind: FileType) {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(name.to_bytes_with_nul());
        self.list.push((start, self.text.len() as u32, kind));
    }

    fn sort(&mut self) {
        let text = &self.text;
        self.list
            .sort_unstable_by(|a, b| text[a.0 as usize..a.1 as usize].cmp(&text[b.0 as usize..b.1 as usize]));
    }
}

/// Failures of several threads; the first in order of the paths is reported, so that a build always says the same.
#[derive(Debug, Default)]
struct Failures(Mutex<Option<(TreePath, ContextError)>>);

impl Failures {
    fn add(&self, path: &[u8], error: ContextError) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(other, _)| *path < **other) {
            *first = Some((path.into(), error));
        }
    }

    fn first(self) -> Result<(), ContextError> {
        match self.0.into_inner().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some((_, error)) => Err(error),
        }
    }
}
