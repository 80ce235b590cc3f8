//! Lists a delta that lies on disk: an overlay upper directory after a command ran.

use super::content::hash;
use super::disk::{self, Attributes};
use super::entry::{Entry, Kind, Time, TreePath, Xattrs, tree_order};
use super::error::LayerError;
use super::host::{Host, OverlayXattrs, Ownership};
use super::listing::{Listing, is_below};
use super::view::{Child, Directory, View};
use crate::digest::{FileDigest, FileHasher};
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _, ParallelSliceMut as _};
use rustix::fs::{AtFlags, FileType, OFlags, Stat};
use rustix::io::Errno;
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};

/// Lists what an overlay upper directory changes of what lies below it.
///
/// Every form that overlayfs gives a removal is understood: character devices 0/0, empty files marked `whiteout` in
/// directories marked `x`, and opaque directories. Features that move content elsewhere (`redirect`, `metacopy`)
/// are refused, since the engine never mounts with them. Sockets are left out, as in every image tool.
///
/// Names of one inode become hard links, whatever it is but a directory.
///
/// What changes nothing is left out, by the rule of BuildKit's differ: a file that equals the lower one in content,
/// metadata and time; a directory that equals the lower one in metadata (its time does not count) with no change
/// below it; a whiteout of nothing. A directory above a change is listed. The root is listed when its metadata
/// differs. Where owners are only recorded, an entry that exists below keeps the owner that is recorded there, and
/// so does the kind of a device for which an empty file stands.
///
/// `skip` names paths to leave out with everything below, such as the stubs made for mounts. Soon after `cancelled`
/// says yes the scan ends with [`LayerError::Cancelled`]. Both are asked from several threads; contents are hashed in
/// parallel on rayon's pool.
pub fn scan(
    tree: BorrowedFd<'_>,
    host: &Host,
    lower: &View,
    skip: &(dyn Fn(&[u8]) -> bool + Sync),
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Listing, LayerError> {
    let scan = Scan {
        tree,
        host,
        lower,
        skip,
        cancelled,
        output: Mutex::default(),
    };
    let root_found = lower.root_found();
    let below = Child {
        found: root_found,
        directory: Some(lower.root_directory()),
    };
    let root = disk::open_directory(tree, b"", OFlags::RDONLY).map_err(LayerError::disk("open", b""))?;
    let stat = rustix::fs::fstat(&root).map_err(LayerError::disk("look at", b""))?;
    let attributes = disk::attributes(root.as_fd(), host.overlay_xattrs)
        .map_err(LayerError::disk("read extended attributes of", b""))?;
    let (mut entry, whiteouts) = scan.directory_entry(b"", &stat, attributes, Some(&below))?;
    // The root's own mark would hide everything, and no kernel writes it.
    entry.kind = Kind::Directory { opaque: false };
    let unchanged = same_directory(&entry, root_found.entry);
    scan.output().push(Seen {
        entry,
        inode: None,
        owner_from_below: false,
        unchanged,
    });
    scan.all(Task {
        path: TreePath::default(),
        below: Some(below),
        whiteouts,
    });
    let output = scan.output.into_inner().unwrap_or_else(|it| it.into_inner());
    if let Some(error) = output.failed {
        return Err(error);
    }
    finish(tree, output.seen, cancelled)
}

/// How many entries of one directory one task looks at.
const BATCH: usize = 128;
/// Other threads are asked for help when there is more than this: waking them takes longer than a small delta does.
const FEW_ENTRIES: usize = 128;
/// The same, in bytes of files.
const FEW_BYTES: u64 = 4 << 20;

/// A directory whose entries are to be listed.
struct Task<'s> {
    path: TreePath,
    /// What stands at its place below.
    below: Option<Child<'s>>,
    /// Whether removals in it may be marked files.
    whiteouts: bool,
}

/// Some of a directory's entries.
struct Batch<'s> {
    path: Arc<[u8]>,
    names: Vec<Box<[u8]>>,
    below: Option<Arc<Directory<'s>>>,
    whiteouts: bool,
}

struct Scan<'s> {
    tree: BorrowedFd<'s>,
    host: &'s Host,
    lower: &'s View,
    skip: &'s (dyn Fn(&[u8]) -> bool + Sync),
    cancelled: &'s (dyn Fn() -> bool + Sync),
    output: Mutex<Output>,
}

#[derive(Default)]
struct Output {
    seen: Vec<Seen>,
    /// Of the files in `seen`.
    bytes: u64,
    failed: Option<LayerError>,
}

struct Seen {
    entry: Entry,
    /// Of what has several names and is no directory: device and inode. Digests of such files are not known yet.
    inode: Option<(u64, u64)>,
    /// The disk does not know its owner, but what is below does.
    owner_from_below: bool,
    /// As it is below; of directories their metadata only.
    unchanged: bool,
}

impl Seen {
    fn removed(path: TreePath) -> Self {
        let entry = Entry {
            path,
            kind: Kind::Whiteout,
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: Vec::new(),
        };
        Self {
            entry,
            inode: None,
            owner_from_below: false,
            unchanged: false,
        }
    }
}

impl Output {
    fn push(&mut self, seen: Seen) {
        if let Kind::File { size, .. } = seen.entry.kind {
            self.bytes = self.bytes.saturating_add(size);
        }
        self.seen.push(seen);
    }

    fn extend(&mut self, seen: Vec<Seen>) {
        seen.into_iter().for_each(|seen| self.push(seen));
    }
}

impl<'s> Scan<'s> {
    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(|it| it.into_inner())
    }

    /// Runs a task unless one has failed already.
    fn run(&self, task: impl FnOnce() -> Result<(), LayerError>) {
        if self.output().failed.is_some() {
            return;
        }
        if let Err(error) = check(self.cancelled).and_then(|()| task()) {
            self.output().failed.get_or_insert(error);
        }
    }

    /// Lists a directory and all below it.
    ///
    /// Tasks never wait for each other, and open directories by their path instead of keeping their parents open:
    /// so a deep tree needs no more stack and descriptors than a flat one.
    fn all(&'s self, first: Task<'s>) {
        let mut tasks = vec![first];
        while self.is_small()
            && let Some(task) = tasks.pop()
        {
            let mut batches = Vec::new();
            self.run(|| self.directory(task, &mut tasks, &mut |batch| batches.push(batch)));
            if !batches.is_empty() {
                rayon::scope(|scope| batches.into_iter().for_each(|batch| self.spawn_batch(scope, batch)));
            }
        }
        if !tasks.is_empty() {
            rayon::scope(|scope| tasks.into_iter().for_each(|task| self.spawn(scope, task)));
        }
    }

    fn is_small(&self) -> bool {
        let output = self.output();
        output.seen.len() <= FEW_ENTRIES && output.bytes <= FEW_BYTES
    }

    fn spawn(&'s self, scope: &rayon::Scope<'s>, task: Task<'s>) {
        scope.spawn(move |scope| {
            let mut tasks = Vec::new();
            self.run(|| self.directory(task, &mut tasks, &mut |batch| self.spawn_batch(scope, batch)));
            tasks.into_iter().for_each(|task| self.spawn(scope, task));
        });
    }

    fn spawn_batch(&'s self, scope: &rayon::Scope<'s>, batch: Batch<'s>) {
        scope.spawn(move |scope| {
            let mut tasks = Vec::new();
            self.run(|| self.batch(&self.open(&batch.path)?, &batch, &mut tasks));
            tasks.into_iter().for_each(|task| self.spawn(scope, task));
        });
    }

    /// Lists the first entries of a directory; hands on the others, and the directories in it.
    fn directory(
        &'s self,
        task: Task<'s>,
        tasks: &mut Vec<Task<'s>>,
        later: &mut dyn FnMut(Batch<'s>),
    ) -> Result<(), LayerError> {
        let Task { path, below, whiteouts } = task;
        let directory = self.open(&path)?;
        let mut names: Vec<Box<[u8]>> = Vec::new();
        disk::for_each_name(directory.as_fd(), |name, _| {
            names.push(name.into());
            Ok::<_, Errno>(())
        })
        .map_err(LayerError::disk("list", &path))?;
        let path: Arc<[u8]> = path.into();
        let below = below.and_then(|below| below.directory).map(Arc::new);
        let mut names = names.into_iter();
        let mut next = || {
            let names: Vec<_> = names.by_ref().take(BATCH).collect();
            let (path, below) = (path.clone(), below.clone());
            (!names.is_empty()).then_some(Batch {
                path,
                names,
                below,
                whiteouts,
            })
        };
        let first = next();
        while let Some(batch) = next() {
            later(batch);
        }
        match first {
            Some(batch) => self.batch(&directory, &batch, tasks),
            None => Ok(()),
        }
    }

    fn open(&self, path: &[u8]) -> Result<OwnedFd, LayerError> {
        disk::open_directory(self.tree, path, OFlags::RDONLY).map_err(LayerError::disk("open", path))
    }

    fn batch(&'s self, directory: &OwnedFd, batch: &Batch<'s>, tasks: &mut Vec<Task<'s>>) -> Result<(), LayerError> {
        let Batch {
            path,
            names,
            below,
            whiteouts,
        } = batch;
        let mut seen = Vec::with_capacity(names.len());
        for name in names {
            let path: TreePath = if path.is_empty() {
                name.clone()
            } else {
                [path, &b"/"[..], name].concat().into()
            };
            if !(self.skip)(&path) {
                seen.extend(self.entry(tasks, directory.as_fd(), name, path, below.as_deref(), *whiteouts)?);
            }
        }
        self.output().extend(seen);
        Ok(())
    }

    /// One entry, or `None` when it is none; of a directory its entries are listed later.
    fn entry(
        &'s self,
        tasks: &mut Vec<Task<'s>>,
        directory: BorrowedFd<'_>,
        name: &[u8],
        path: TreePath,
        below: Option<&Directory<'s>>,
        whiteouts: bool,
    ) -> Result<Option<Seen>, LayerError> {
        let failed = |action| LayerError::disk(action, &path);
        let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed("look at"))?;
        let lower = below.and_then(|below| below.child(name));
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let opened = rustix::fs::openat(
                    directory,
                    name,
                    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
                    rustix::fs::Mode::empty(),
                );
                let opened = opened.map_err(failed("open"))?;
                let attributes = self.attributes(&opened, &path)?;
                let (entry, whiteouts) = self.directory_entry(&path, &stat, attributes, lower.as_ref())?;
                let same = lower
                    .as_ref()
                    .is_some_and(|lower| same_directory(&entry, lower.found.entry));
                // An opaque directory shows nothing of what is below, so nothing in it can equal that.
                let hides = matches!(entry.kind, Kind::Directory { opaque: true });
                let below = lower.filter(|_| !hides);
                tasks.push(Task { path, below, whiteouts });
                return Ok(Some(Seen {
                    entry,
                    inode: None,
                    owner_from_below: false,
                    unchanged: same,
                }));
            }
            FileType::RegularFile => {
                return self.file(directory, name, path, &stat, lower.as_ref(), whiteouts);
            }
            FileType::CharacterDevice if stat.st_rdev == 0 => {
                return Ok(lower.map(|_| Seen::removed(path)));
            }
            FileType::CharacterDevice => Kind::Character {
                major: rustix::fs::major(stat.st_rdev),
                minor: rustix::fs::minor(stat.st_rdev),
            },
            FileType::BlockDevice => Kind::Block {
                major: rustix::fs::major(stat.st_rdev),
                minor: rustix::fs::minor(stat.st_rdev),
            },
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(directory, name, Vec::new()).map_err(failed("read the link"))?;
                Kind::Symlink {
                    target: target.into_bytes().into(),
                }
            }
            FileType::Fifo => Kind::Fifo,
            _ => return Ok(None),
        };
        let mut entry = self.described(path, kind, &stat, lower.as_ref());
        if matches!(entry.kind, Kind::Symlink { .. }) {
            entry.mode = 0o777;
        }
        entry.xattrs = self.special_attributes(directory, name, &entry.path)?;
        Ok(Some(self.compared(entry, &stat, stat.st_nlink > 1, lower.as_ref())))
    }

    fn file(
        &self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        path: TreePath,
        stat: &Stat,
        lower: Option<&Child<'_>>,
        whiteouts: bool,
    ) -> Result<Option<Seen>, LayerError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(directory, name, flags, rustix::fs::Mode::empty());
        let file = file.map_err(LayerError::disk("open", &path))?;
        let attributes = self.attributes(&file, &path)?;
        for (own, _) in &attributes.overlay {
            match &own[..] {
                b"whiteout" if whiteouts && stat.st_size == 0 => {
                    return Ok(lower.map(|_| Seen::removed(path)));
                }
                b"metacopy" => {
                    return Err(LayerError::Overlay {
                        path,
                        feature: "metacopy",
                    });
                }
                b"redirect" => {
                    return Err(LayerError::Overlay {
                        path,
                        feature: "redirect",
                    });
                }
                _ => (),
            }
        }
        let size = stat.st_size as u64;
        let stands_for = lower
            .map(|lower| &self.lower.file_of(&lower.found).kind)
            .filter(|kind| {
                !self.host.devices && size == 0 && matches!(kind, Kind::Character { .. } | Kind::Block { .. })
            });
        let several = stat.st_nlink > 1;
        let kind = match stands_for {
            Some(device) => device.clone(),
            None if several => Kind::File {
                size,
                digest: super::writer::UNKNOWN_DIGEST,
            },
            None => Kind::File {
                size,
                digest: digest(&file, size, &path, self.cancelled)?,
            },
        };
        let mut entry = self.described(path, kind, stat, lower);
        entry.xattrs = attributes.travelling;
        Ok(Some(self.compared(entry, stat, several, lower)))
    }

    /// An entry that is no directory, compared with what is below it; `several` says that it is one name of more.
    fn compared(&self, entry: Entry, stat: &Stat, several: bool, lower: Option<&Child<'_>>) -> Seen {
        let same = |lower: &Child<'_>| {
            // A name of several that was copied up stands alone, but with the same content it changes nothing.
            let lower = (lower.found.entry, &self.lower.file_of(&lower.found).kind);
            let (
                Entry {
                    mode,
                    uid,
                    gid,
                    mtime,
                    xattrs,
                    ..
                },
                kind,
            ) = lower;
            (kind, mode, uid, gid, mtime, xattrs)
                == (
                    &entry.kind,
                    &entry.mode,
                    &entry.uid,
                    &entry.gid,
                    &entry.mtime,
                    &entry.xattrs,
                )
        };
        Seen {
            unchanged: !several && lower.is_some_and(same),
            inode: several.then_some((stat.st_dev, stat.st_ino)),
            owner_from_below: lower.is_some() && self.host.ownership == Ownership::Recorded,
            entry,
        }
    }

    /// The extended attributes of what cannot be opened: symbolic links, devices and pipes.
    fn special_attributes(&self, directory: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<Xattrs, LayerError> {
        // The kernel keeps `user.` from all of these, file capabilities from all but files, and `trusted.` from
        // those who do not mount with it: then there is nothing to find that would travel.
        if self.host.overlay_xattrs == OverlayXattrs::User {
            return Ok(Xattrs::new());
        }
        disk::attributes_at(directory, name, self.host.overlay_xattrs)
            .map(|attributes| attributes.travelling)
            .map_err(LayerError::disk("read extended attributes of", path))
    }

    /// A directory's entry, and whether its removals may be marked files.
    fn directory_entry(
        &self,
        path: &[u8],
        stat: &Stat,
        attributes: Attributes,
        lower: Option<&Child<'_>>,
    ) -> Result<(Entry, bool), LayerError> {
        let (mut opaque, mut whiteouts) = (false, false);
        for (own, value) in &attributes.overlay {
            match (&own[..], &value[..]) {
                (b"opaque", b"y") => opaque = true,
                (b"opaque", b"x") => whiteouts = true,
                (b"redirect", _) => {
                    return Err(LayerError::Overlay {
                        path: path.into(),
                        feature: "redirect",
                    });
                }
                _ => (),
            }
        }
        // Without a directory below there is nothing to hide, and the mark would only tell how the tree was made.
        opaque &= lower.is_some_and(|lower| lower.directory.is_some());
        let mut entry = self.described(path.into(), Kind::Directory { opaque }, stat, lower);
        entry.xattrs = attributes.travelling;
        Ok((entry, whiteouts))
    }

    fn attributes(&self, opened: &OwnedFd, path: &[u8]) -> Result<Attributes, LayerError> {
        disk::attributes(opened.as_fd(), self.host.overlay_xattrs)
            .map_err(LayerError::disk("read extended attributes of", path))
    }

    fn described(&self, path: TreePath, kind: Kind, stat: &Stat, lower: Option<&Child<'_>>) -> Entry {
        let (uid, gid) = match lower.map(|lower| lower.found.entry) {
            Some(lower) if self.host.ownership == Ownership::Recorded => (lower.uid, lower.gid),
            _ => (stat.st_uid, stat.st_gid),
        };
        Entry {
            path,
            kind,
            mode: (stat.st_mode & 0o7777) as u16,
            uid,
            gid,
            mtime: Time {
                seconds: stat.st_mtime,
                nanoseconds: stat.st_mtime_nsec as u32,
            },
            xattrs: Vec::new(),
        }
    }
}

/// Joins the names of one inode, and leaves out what changes nothing.
fn finish(
    tree: BorrowedFd<'_>,
    mut seen: Vec<Seen>,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Listing, LayerError> {
    seen.par_sort_unstable_by(|a, b| tree_order(&a.entry.path, &b.entry.path));
    let mut firsts: HashMap<(u64, u64), usize> = HashMap::new();
    let mut links: Vec<(usize, usize)> = Vec::new();
    for (at, one) in seen.iter().enumerate() {
        if let Some(inode) = one.inode {
            match firsts.entry(inode) {
                std::collections::hash_map::Entry::Occupied(first) => links.push((at, *first.get())),
                std::collections::hash_map::Entry::Vacant(first) => drop(first.insert(at)),
            }
        }
    }
    for (link, first) in links {
        // Names share all that they are, so what is known of one name holds for the first, which may be new.
        let (before, rest) = seen.split_at_mut(link);
        let (first, link) = (&mut before[first], &mut rest[0]);
        if link.owner_from_below && !first.owner_from_below {
            (first.entry.uid, first.entry.gid) = (link.entry.uid, link.entry.gid);
            first.owner_from_below = true;
        }
        let target = first.entry.path.clone();
        let kind = std::mem::replace(&mut link.entry.kind, Kind::HardLink { target });
        if !matches!(kind, Kind::File { .. }) {
            first.entry.kind = kind;
        }
    }
    let unknown = |it: &&mut Seen| it.inode.is_some() && matches!(it.entry.kind, Kind::File { .. });
    let unknown: Vec<&mut Seen> = seen.iter_mut().filter(unknown).collect();
    unknown.into_par_iter().try_for_each(|it| {
        let file = disk::open_beneath(tree, &it.entry.path, OFlags::RDONLY | OFlags::NONBLOCK);
        let file = file.map_err(LayerError::disk("open", &it.entry.path))?;
        if let Kind::File { size, digest: slot } = &mut it.entry.kind {
            *slot = digest(&file, *size, &it.entry.path, cancelled)?;
        }
        Ok::<_, LayerError>(())
    })?;
    // From the end: what stands below a directory comes after it.
    let mut kept: Vec<Entry> = Vec::with_capacity(seen.len());
    while let Some(Seen { entry, unchanged, .. }) = seen.pop() {
        let directory = matches!(entry.kind, Kind::Directory { .. });
        let root = entry.path.is_empty();
        let above_change = directory && !root && kept.last().is_some_and(|next| is_below(&next.path, &entry.path));
        if !unchanged || above_change {
            kept.push(entry);
        }
    }
    kept.reverse();
    Ok(Listing::from_entries(kept)?)
}

/// Whether two directories have the same metadata; times do not count, since every change below touches them.
fn same_directory(upper: &Entry, lower: &Entry) -> bool {
    matches!(upper.kind, Kind::Directory { opaque: false })
        && matches!(lower.kind, Kind::Directory { .. })
        && (upper.mode, upper.uid, upper.gid, &upper.xattrs) == (lower.mode, lower.uid, lower.gid, &lower.xattrs)
}

fn check(cancelled: &(dyn Fn() -> bool + Sync)) -> Result<(), LayerError> {
    if cancelled() {
        Err(LayerError::Cancelled)
    } else {
        Ok(())
    }
}

/// Hashes a file that must have the size that was seen.
fn digest(
    file: &OwnedFd,
    size: u64,
    path: &[u8],
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<FileDigest, LayerError> {
    let failed = |errno| LayerError::disk("read", path)(errno);
    let mut small = [0; 16 << 10];
    let mut large = Vec::new();
    let buffer = if size < small.len() as u64 {
        &mut small[..]
    } else {
        // One byte more than the size lets the first read find the end.
        large.resize(usize::try_from(size + 1).unwrap_or(usize::MAX).min(1 << 20), 0);
        &mut large[..]
    };
    let mut hasher = FileHasher::new();
    let mut total = 0;
    loop {
        check(cancelled)?;
        match rustix::io::read(file, &mut buffer[..]) {
            Ok(0) => break,
            Ok(count) => {
                hash(&mut hasher, &buffer[..count]);
                total += count as u64;
                if total > size || total == size && count < buffer.len() {
                    break;
                }
            }
            Err(Errno::INTR) => (),
            Err(errno) => return Err(failed(errno)),
        }
    }
    if total == size {
        Ok(hasher.finish())
    } else {
        Err(LayerError::Changed(path.into()))
    }
}
