//! Writes a delta: entries in, a directory in overlayfs form and its listing out.

use super::content::{Content, Copied, Copier};
use super::disk;
use super::entry::{Entry, Kind, TreePath, tree_order};
use super::error::LayerError;
use super::host::{Host, Ownership};
use super::listing::{Listing, canonical, check_path, is_below, name, parent, plain_directory};
use super::view::View;
use crate::digest::FileDigest;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};

/// Stands in an entry for a digest that is found while the content is written.
pub const UNKNOWN_DIGEST: FileDigest = FileDigest::from_bytes([0; 32]);

/// How many directories are held open.
const HELD: usize = 128;

/// Writes one delta below a directory that is empty at first and that nobody else touches.
///
/// Several threads may put entries at once, as long as they put different files, and each directory before what
/// stands in it. Nothing is synced to disk.
#[derive(Debug)]
pub struct DeltaWriter {
    root: OwnedFd,
    host: Host,
    /// Who owns what this process creates.
    own: (u32, u32),
    copier: Copier,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<Key, Record>,
    /// How many groups of hard links there are.
    groups: usize,
    held: HashMap<TreePath, Arc<OwnedFd>>,
    /// Paths in `held`, longest held first.
    order: VecDeque<TreePath>,
}

#[derive(Debug)]
struct Record {
    /// Never a hard link.
    entry: Entry,
    /// Which inode this entry shares with the others of the same number.
    group: Option<usize>,
}

/// A path that sorts in tree order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key(TreePath);

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        tree_order(&self.0, &other.0)
    }
}

impl DeltaWriter {
    /// Starts a delta in an empty directory.
    pub fn new(tree: OwnedFd, host: Host) -> Self {
        // A set-group-id directory, inherited from where the store lies, would hand its group to every new file.
        // Where this fails, so will the first entry, with a better message.
        let _ = rustix::fs::fchmod(&tree, Mode::from_raw_mode(0o755));
        Self {
            root: tree,
            host,
            own: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
            copier: Copier::default(),
            state: Mutex::default(),
        }
    }

    /// Puts an entry.
    ///
    /// What stood at the path before is replaced, with everything below it unless both are directories. Parents
    /// that were not put are made, with mode 0755 and owner 0:0; see [`Self::put_parents`].
    ///
    /// A file's size and digest are found while its content is written when the digest is [`UNKNOWN_DIGEST`];
    /// else the content must have them, or the call fails with [`LayerError::Changed`]. With [`Content::File`] a
    /// known digest is believed, and only the size is compared. A hard link's target must have been put before.
    pub fn put(&self, mut entry: Entry, content: Content<'_>) -> Result<(), LayerError> {
        check_path(&entry.path)?;
        canonical(&mut entry)?;
        if let Kind::HardLink { target } = &entry.kind {
            let target = target.clone();
            return self.put_link(entry, &target);
        }
        if entry.path.is_empty() {
            self.state()
                .records
                .insert(Key(TreePath::default()), Record { entry, group: None });
            return Ok(());
        }
        let directory = self.parent(&entry.path)?;
        if let Kind::Directory { .. } = entry.kind {
            return self.put_directory(entry, directory.as_fd(), true);
        }
        let made = |action: &'static str| LayerError::disk(action, &entry.path);
        let at = (&*directory, name(&entry.path), &*entry.path);
        let owner_only = Mode::RUSR | Mode::WUSR;
        match &entry.kind {
            Kind::File { .. } => self.put_file(&mut entry, content, &directory)?,
            Kind::Symlink { target } => {
                self.replacing(at, |to, name| rustix::fs::symlinkat(&target[..], to, name))
                    .map_err(made("create"))?;
                self.finish_special(&entry, &directory)?;
            }
            Kind::Whiteout => {
                let whiteout = |to: BorrowedFd<'_>, name: &[u8]| {
                    rustix::fs::mknodat(to, name, FileType::CharacterDevice, Mode::empty(), 0)
                };
                self.replacing(at, whiteout).map_err(made("create the whiteout"))?;
            }
            Kind::Fifo => {
                let fifo =
                    |to: BorrowedFd<'_>, name: &[u8]| rustix::fs::mknodat(to, name, FileType::Fifo, owner_only, 0);
                self.replacing(at, fifo).map_err(made("create"))?;
                self.finish_special(&entry, &directory)?;
            }
            Kind::Character { major, minor } | Kind::Block { major, minor } => {
                let (kind, device) = match entry.kind {
                    _ if !self.host.devices => (FileType::RegularFile, 0),
                    Kind::Block { .. } => (FileType::BlockDevice, rustix::fs::makedev(*major, *minor)),
                    _ => (FileType::CharacterDevice, rustix::fs::makedev(*major, *minor)),
                };
                let node = |to: BorrowedFd<'_>, name: &[u8]| rustix::fs::mknodat(to, name, kind, owner_only, device);
                self.replacing(at, node).map_err(made("create the device"))?;
                self.finish_special(&entry, &directory)?;
            }
            Kind::Directory { .. } | Kind::HardLink { .. } => (),
        }
        self.record(entry, None);
        Ok(())
    }

    /// Puts a file by giving the file of another tree a second name, when both agree in everything that they would
    /// share: size, mode, owner, time and xattrs. `entry` must know its digest.
    ///
    /// `false` means that nothing was done and the caller has to copy: they differ, or the file system refused.
    /// The other tree must never be written again.
    pub fn link_from(&self, entry: &Entry, tree: BorrowedFd<'_>, source: &Entry) -> Result<bool, LayerError> {
        check_path(&entry.path)?;
        let alike = (
            &entry.kind,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.mtime,
            &entry.xattrs,
        ) == (
            &source.kind,
            source.mode,
            source.uid,
            source.gid,
            source.mtime,
            &source.xattrs,
        );
        if !alike || !matches!(entry.kind, Kind::File { .. }) || entry.path.is_empty() {
            return Ok(false);
        }
        let from = disk::open_directory(tree, parent(&source.path), OFlags::PATH);
        let from = from.map_err(LayerError::disk("open the directory of", &source.path))?;
        let directory = self.parent(&entry.path)?;
        let at = (&*directory, name(&entry.path), &*entry.path);
        let linked = self.replacing(at, |to, as_name| {
            rustix::fs::linkat(&from, name(&source.path), to, as_name, AtFlags::empty())
        });
        match linked {
            Ok(()) => {
                self.record(entry.clone(), None);
                Ok(true)
            }
            Err(Errno::XDEV | Errno::MLINK | Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP) => Ok(false),
            Err(errno) => Err(LayerError::disk("link", &entry.path)(errno)),
        }
    }

    /// Puts the directories that a path stands in and that were not put yet, each like the one in `lower`, or plain
    /// where `lower` has none. Call it before [`Self::put`], since a directory of a delta decides the metadata of
    /// those below it.
    pub fn put_parents(&self, path: &[u8], lower: &View) -> Result<(), LayerError> {
        check_path(path)?;
        let mut missing = Vec::new();
        let mut above = parent(path);
        while !above.is_empty() && !self.is_directory(above) {
            missing.push(above);
            above = parent(above);
        }
        for path in missing.into_iter().rev() {
            let known = lower.get(path).map(|found| found.entry);
            let entry = match known.filter(|entry| matches!(entry.kind, Kind::Directory { .. })) {
                Some(entry) => Entry {
                    kind: Kind::Directory { opaque: false },
                    ..entry.clone()
                },
                None => plain_directory(path.into()),
            };
            let directory = self.parent(path)?;
            self.put_directory(entry, directory.as_fd(), false)?;
        }
        Ok(())
    }

    /// What was put at a path; a hard link as what it is a name of.
    pub fn get(&self, path: &[u8]) -> Option<Entry> {
        self.state()
            .records
            .get(&Key(path.into()))
            .map(|record| record.entry.clone())
    }

    /// Opens the content of a file that was put, to read it.
    pub fn open(&self, path: &[u8]) -> Result<OwnedFd, LayerError> {
        disk::open_beneath(self.root.as_fd(), path, OFlags::RDONLY).map_err(LayerError::disk("open", path))
    }

    /// Gives every directory its metadata and the delta its listing.
    pub fn finish(self) -> Result<Listing, LayerError> {
        let state = self.state.into_inner().unwrap_or_else(|it| it.into_inner());
        drop((state.held, state.order));
        // Deepest first: a directory's mode may keep us out of it.
        for record in state.records.values().rev() {
            if let Kind::Directory { opaque } = record.entry.kind {
                finish_directory(&self.root, &record.entry, opaque, &self.host, self.own)?;
            }
        }
        let mut first_names: Vec<Option<TreePath>> = vec![None; state.groups];
        let mut entries = Vec::with_capacity(state.records.len());
        for mut record in state.records.into_values() {
            if let Some(group) = record.group {
                match &first_names[group] {
                    None => first_names[group] = Some(record.entry.path.clone()),
                    Some(target) => record.entry.kind = Kind::HardLink { target: target.clone() },
                }
            }
            entries.push(record.entry);
        }
        Ok(Listing::from_entries(entries)?)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|it| it.into_inner())
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        let state = self.state();
        state.held.contains_key(path) || state.is_directory(path)
    }

    fn record(&self, entry: Entry, group: Option<usize>) {
        self.state()
            .records
            .insert(Key(entry.path.clone()), Record { entry, group });
    }

    /// Makes a directory, unless there is one; `describes` says whether the entry then replaces what is known of it.
    fn put_directory(&self, entry: Entry, above: BorrowedFd<'_>, describes: bool) -> Result<(), LayerError> {
        let (path, name) = (&*entry.path, name(&entry.path));
        let failed = |errno| LayerError::disk("create the directory", path)(errno);
        // The lock is kept: of two threads that want the same directory the second must not replace the first's.
        let mut state = self.state();
        let exists = state.is_directory(path);
        if !exists {
            match rustix::fs::mkdirat(above, name, Mode::RWXU) {
                Err(Errno::EXIST) => {
                    disk::remove(above, name).map_err(failed)?;
                    state.forget(path);
                    rustix::fs::mkdirat(above, name, Mode::RWXU).map_err(failed)?;
                }
                other => other.map_err(failed)?,
            }
        }
        if !exists || describes {
            state
                .records
                .insert(Key(entry.path.clone()), Record { entry, group: None });
        }
        Ok(())
    }

    fn put_file(&self, entry: &mut Entry, content: Content<'_>, directory: &OwnedFd) -> Result<(), LayerError> {
        let path = entry.path.clone();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let mode = Mode::RUSR | Mode::WUSR;
        let create = |to: BorrowedFd<'_>, name: &[u8]| rustix::fs::openat(to, name, flags, mode);
        let file = self
            .replacing((directory, name(&path), &path), create)
            .map_err(LayerError::disk("create", &path))?;
        let Kind::File { size, digest } = &mut entry.kind else {
            return Ok(());
        };
        let known = (*digest != UNKNOWN_DIGEST).then_some(Copied {
            size: *size,
            digest: *digest,
        });
        let copied = self.copier.copy(&path, content, file.as_fd(), known)?;
        (*size, *digest) = (copied.size, copied.digest);
        dress(&file, entry, &self.host, self.own)
    }

    /// Gives a symbolic link, pipe or device its metadata; the name was just made in our own directory.
    fn finish_special(&self, entry: &Entry, directory: &OwnedFd) -> Result<(), LayerError> {
        let (path, name) = (&*entry.path, name(&entry.path));
        if let Some((uid, gid)) = new_owner(entry, &self.host, self.own) {
            rustix::fs::chownat(directory, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(LayerError::disk("change the owner of", path))?;
        }
        if !matches!(entry.kind, Kind::Symlink { .. }) {
            let mode = Mode::from_raw_mode(entry.mode.into());
            rustix::fs::chmodat(directory, name, mode, AtFlags::empty())
                .map_err(LayerError::disk("change the mode of", path))?;
        }
        if !entry.xattrs.is_empty() {
            let on_disk = [disk::own_path(directory.as_fd()).as_bytes(), b"/", name].concat();
            set_xattrs(entry, |name, value| {
                rustix::fs::lsetxattr(&on_disk[..], name, value, XattrFlags::empty())
            })?;
        }
        rustix::fs::utimensat(directory, name, &times(entry), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(LayerError::disk("set the time of", path))
    }

    fn put_link(&self, entry: Entry, target: &[u8]) -> Result<(), LayerError> {
        let broken = |what| LayerError::Link {
            path: entry.path.clone(),
            target: target.into(),
            what,
        };
        if entry.path[..] == *target {
            // A second name that is the first; tars of some tools have them.
            return if self.get(target).is_some() {
                Ok(())
            } else {
                Err(broken("does not exist"))
            };
        }
        let known = self.get(target).ok_or_else(|| broken("does not exist"))?;
        if is_below(target, &entry.path) {
            return Err(broken("stands below the link"));
        }
        if is_below(&entry.path, target) {
            return Err(broken("stands above the link"));
        }
        match known.kind {
            Kind::Directory { .. } => return Err(broken("is a directory")),
            Kind::Whiteout => return Err(broken("does not exist")),
            _ => (),
        }
        let source = self.parent(target)?;
        let directory = self.parent(&entry.path)?;
        let at = (&*directory, name(&entry.path), &*entry.path);
        let made = self.replacing(at, |to, as_name| {
            rustix::fs::linkat(&source, name(target), to, as_name, AtFlags::empty())
        });
        let group = {
            let mut state = self.state();
            let next = state.groups;
            let record = state
                .records
                .get_mut(&Key(target.into()))
                .ok_or_else(|| broken("does not exist"))?;
            let group = *record.group.get_or_insert(next);
            state.groups = state.groups.max(group + 1);
            group
        };
        let same = Entry {
            path: entry.path.clone(),
            ..known
        };
        let is_file = matches!(same.kind, Kind::File { .. });
        match made {
            Ok(()) => self.record(same, Some(group)),
            // The file system allows no more names for one file: the content is copied, the listing links.
            Err(Errno::MLINK) if is_file => {
                let content = self.open(target)?;
                self.put(same.clone(), Content::File(content.as_fd()))?;
                self.record(same, Some(group));
            }
            // Some file systems and security modules allow a second name to files only.
            Err(Errno::MLINK | Errno::PERM | Errno::ACCESS | Errno::OPNOTSUPP) if !is_file => {
                self.put(same.clone(), Content::None)?;
                self.record(same, Some(group));
            }
            Err(errno) => return Err(LayerError::disk("link", &entry.path)(errno)),
        }
        Ok(())
    }

    /// Makes a name in a directory; what has it already is removed first.
    fn replacing<T>(
        &self,
        (directory, name, path): (&OwnedFd, &[u8], &[u8]),
        make: impl Fn(BorrowedFd<'_>, &[u8]) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match make(directory.as_fd(), name) {
            Err(Errno::EXIST) => {
                disk::remove(directory.as_fd(), name)?;
                self.state().forget(path);
                make(directory.as_fd(), name)
            }
            other => other,
        }
    }

    /// The directory that a path stands in, made if it must be.
    fn parent(&self, path: &[u8]) -> Result<Arc<OwnedFd>, LayerError> {
        let above = parent(path);
        if let Some(held) = self.state().held.get(above) {
            return Ok(held.clone());
        }
        // The longest part that is known to be a directory; everything above it is one, too.
        let mut known = above;
        while !known.is_empty() && !self.is_directory(known) {
            known = parent(known);
        }
        let start = if known.is_empty() { 0 } else { known.len() + 1 };
        let mut ends: Vec<usize> = (start..above.len()).filter(|at| above[*at] == b'/').collect();
        if known.len() < above.len() {
            ends.push(above.len());
        }
        for end in ends {
            self.put_plain(&above[..end])?;
        }
        let opened = disk::open_directory(self.root.as_fd(), above, OFlags::PATH);
        let opened = Arc::new(opened.map_err(LayerError::disk("open the directory", above))?);
        self.state().hold(above, opened.clone());
        Ok(opened)
    }

    /// Makes a directory that nobody described, inside one that exists.
    fn put_plain(&self, path: &[u8]) -> Result<(), LayerError> {
        let above = disk::open_directory(self.root.as_fd(), parent(path), OFlags::PATH)
            .map_err(LayerError::disk("create the directory", path))?;
        self.put_directory(plain_directory(path.into()), above.as_fd(), false)
    }
}

impl State {
    fn is_directory(&self, path: &[u8]) -> bool {
        let record = self.records.get(&Key(path.into()));
        record.is_some_and(|record| matches!(record.entry.kind, Kind::Directory { .. }))
    }

    /// Takes away what is known of a path and of everything below it.
    fn forget(&mut self, path: &[u8]) {
        let from = Key(path.into());
        let below = |key: &Key| key.0[..] == *path || is_below(&key.0, path);
        let gone: Vec<Key> = self
            .records
            .range(from..)
            .map(|it| it.0.clone())
            .take_while(below)
            .collect();
        for key in gone {
            self.records.remove(&key);
        }
        self.held.retain(|held, _| held[..] != *path && !is_below(held, path));
        let held = &self.held;
        self.order.retain(|path| held.contains_key(path));
    }

    fn hold(&mut self, path: &[u8], directory: Arc<OwnedFd>) {
        if self.held.len() >= HELD
            && let Some(oldest) = self.order.pop_front()
        {
            self.held.remove(&oldest);
        }
        if self.held.insert(path.into(), directory).is_none() {
            self.order.push_back(path.into());
        }
    }
}

fn finish_directory(
    root: &OwnedFd,
    entry: &Entry,
    opaque: bool,
    host: &Host,
    own: (u32, u32),
) -> Result<(), LayerError> {
    let directory = disk::open_directory(root.as_fd(), &entry.path, OFlags::RDONLY);
    let directory = directory.map_err(LayerError::disk("open the directory", &entry.path))?;
    if opaque {
        rustix::fs::fsetxattr(&directory, host.overlay_xattrs.opaque(), b"y", XattrFlags::empty())
            .map_err(LayerError::disk("make opaque", &entry.path))?;
    }
    dress(&directory, entry, host, own)
}

/// Gives an open file or directory its metadata.
///
/// The order matters: a change of owner takes set-id bits and file capabilities away.
fn dress(file: &OwnedFd, entry: &Entry, host: &Host, own: (u32, u32)) -> Result<(), LayerError> {
    if let Some((uid, gid)) = new_owner(entry, host, own) {
        rustix::fs::fchown(file, Some(uid), Some(gid)).map_err(LayerError::disk("change the owner of", &entry.path))?;
    }
    rustix::fs::fchmod(file, Mode::from_raw_mode(entry.mode.into()))
        .map_err(LayerError::disk("change the mode of", &entry.path))?;
    set_xattrs(entry, |name, value| {
        rustix::fs::fsetxattr(file, name, value, XattrFlags::empty())
    })?;
    rustix::fs::futimens(file, &times(entry)).map_err(LayerError::disk("set the time of", &entry.path))
}

/// Sets extended attributes. Those that this process or file system may not set stay in the listing only.
fn set_xattrs(entry: &Entry, set: impl Fn(&[u8], &[u8]) -> Result<(), Errno>) -> Result<(), LayerError> {
    for (name, value) in &entry.xattrs {
        match set(name, value) {
            Ok(()) | Err(Errno::NOTSUP | Errno::PERM) => (),
            Err(errno) => return Err(LayerError::disk("set an extended attribute of", &entry.path)(errno)),
        }
    }
    Ok(())
}

/// The owner to give to what this process made, unless it has it already.
fn new_owner(entry: &Entry, host: &Host, own: (u32, u32)) -> Option<(Uid, Gid)> {
    let wanted = (entry.uid, entry.gid);
    // The highest id means "unchanged" to the kernel and belongs to nobody.
    let possible = entry.uid != u32::MAX && entry.gid != u32::MAX;
    (host.ownership == Ownership::Mapped && wanted != own && possible)
        .then(|| (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid)))
}

fn times(entry: &Entry) -> Timestamps {
    let time = Timespec {
        tv_sec: entry.mtime.seconds,
        tv_nsec: entry.mtime.nanoseconds.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
