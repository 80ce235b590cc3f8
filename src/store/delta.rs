//! Deltas: trees with their listings, by content.

use super::blob::sync_folder;
use super::draft::random;
use super::lock::wait_for_name;
use super::remove::remove;
use super::root::Root;
use super::{Draft, Durability, Store, StoreError};
use crate::digest::ContentId;
use crate::layer::{Kind, Listing};
use rustix::fs::{
    AtFlags, Mode, OFlags, ResolveFlags, openat, openat2, readlinkat, renameat, statat, symlinkat, syncfs, unlinkat,
};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

fn name_of(content: &ContentId) -> String {
    format!("deltas/v1/{}", content.hex())
}

impl Store {
    /// Ensures that the draft's content is stored, and gives its name.
    ///
    /// `listing` is the list of the draft's tree. If the store has that content already, the older delta stays (with its
    /// modification times) and the draft is removed. Nothing may be mounted on the draft any more.
    pub fn keep(&self, draft: Draft, listing: &Listing) -> Result<ContentId, StoreError> {
        self.keep_as(draft, listing, listing.content_id())
    }

    /// As [`Store::keep`] for a caller that has computed the listing's name already.
    pub fn keep_as(&self, mut draft: Draft, listing: &Listing, content: ContentId) -> Result<ContentId, StoreError> {
        if self.has_delta(&content)? {
            return Ok(content);
        }
        let root = Arc::clone(self.root());
        let draft_name = draft.name.clone();
        self.write_listing(&draft, listing)?;
        if self.durability() == Durability::Synced {
            // One call for the whole tree: a call for each file would take a second for a few thousand.
            syncfs(&draft.lock).map_err(root.io("sync", &draft_name))?;
        } else {
            symlinkat(self.boot(), &draft.lock, "boot").map_err(root.io("mark", &draft_name))?;
        }
        // A layer's digest speaks of modification times too, so it belongs to the tree that was there before.
        if self.layer_of(&content)?.is_some() {
            self.write(|records| {
                records.change(
                    "forget the layer of a lost delta",
                    "DELETE FROM layers WHERE content = ?1",
                    [content.as_bytes()],
                )
            })?;
        }
        let to = name_of(&content);
        let rename = || renameat(&root.fd, draft_name.as_str(), &root.fd, to.as_str());
        let mut renamed = rename();
        if matches!(renamed, Err(Errno::NOTEMPTY | Errno::EXIST)) {
            // Somebody was faster, or a power cut left a part. Only one may take the latter away.
            let lock = format!("tmp/replace-{}", content.hex());
            let held = wait_for_name(&root, &lock)?;
            if self.has_delta(&content)? {
                let _ = unlinkat(&root.fd, lock.as_str(), AtFlags::empty());
                return Ok(content);
            }
            self.discard_delta(&content)?;
            renamed = rename();
            let _ = unlinkat(&root.fd, lock.as_str(), AtFlags::empty());
            drop(held);
        }
        renamed.map_err(root.io("store the delta", &to))?;
        draft.name.clear();
        if self.durability() == Durability::Synced {
            sync_folder(&root, "deltas/v1")?;
        } else {
            self.unsynced()
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(content);
        }
        Ok(content)
    }

    pub(super) fn write_listing(&self, draft: &Draft, listing: &Listing) -> Result<(), StoreError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let name = format!("{}/listing", draft.name);
        let written = openat(&draft.lock, "listing", flags, Mode::from(0o444))
            .map_err(io::Error::from)
            .and_then(|file| File::from(file).write_all(&listing.encode()));
        written.map_err(self.root().io("write", &name))
    }

    /// Whether a delta is there and whole.
    pub fn has_delta(&self, content: &ContentId) -> Result<bool, StoreError> {
        let name = name_of(content);
        let root = self.root();
        match statat(&root.fd, format!("{name}/listing"), AtFlags::SYMLINK_NOFOLLOW) {
            // A power cut can leave the file without its bytes.
            Ok(found) if found.st_size > 0 => (),
            Ok(_) | Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(root.io("look for the delta", &name)(errno)),
        }
        let mark = format!("{name}/boot");
        match readlinkat(&root.fd, mark.as_str(), Vec::new()) {
            Err(Errno::NOENT) => Ok(true),
            Ok(boot) if boot.as_bytes() == self.boot().as_bytes() => Ok(true),
            Ok(_) => {
                if !self.is_whole(content)? {
                    return Ok(false);
                }
                match unlinkat(&root.fd, mark.as_str(), AtFlags::empty()) {
                    Ok(()) | Err(Errno::NOENT) => Ok(true),
                    Err(errno) => Err(root.io("unmark", &mark)(errno)),
                }
            }
            Err(errno) => Err(root.io("look at", &mark)(errno)),
        }
    }

    /// Looks whether every file of a delta has its size. What a power cut takes from a file that was not yet on disk is
    /// its end: file systems write the data before the size that covers it.
    fn is_whole(&self, content: &ContentId) -> Result<bool, StoreError> {
        let Ok(listing) = read_listing(self.root(), content) else {
            return Ok(false);
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(tree) = openat(
            &self.root().fd,
            format!("{}/tree", name_of(content)),
            flags,
            Mode::empty(),
        ) else {
            return Ok(false);
        };
        Ok(listing.entries().iter().all(|entry| {
            if entry.path.is_empty() {
                return true;
            }
            let found = statat(&tree, entry.path.as_ref(), AtFlags::SYMLINK_NOFOLLOW);
            match (&entry.kind, found) {
                (Kind::File { size, .. }, Ok(found)) => u64::try_from(found.st_size) == Ok(*size),
                // Too long a path to look at says nothing.
                (_, found) => matches!(found, Ok(_) | Err(Errno::NAMETOOLONG)),
            }
        }))
    }

    /// A delta, if it is there.
    pub fn delta(&self, content: &ContentId) -> Result<Option<Delta>, StoreError> {
        Ok(self.has_delta(content)?.then(|| Delta {
            store: self.clone(),
            content: *content,
            tree: self.root().join(&format!("{}/tree", name_of(content))),
            tree_fd: OnceLock::new(),
            listing: OnceLock::new(),
        }))
    }

    /// The listing of a delta; decoded once and then shared, as long as memory for it is left or somebody holds it.
    pub fn listing(&self, content: &ContentId) -> Result<Arc<Listing>, StoreError> {
        if let Some(listing) = self.listings().get(content) {
            return Ok(listing);
        }
        let (listing, weight) = read_weighed(self.root(), content)?;
        Ok(self.listings().put(*content, Arc::new(listing), weight))
    }

    /// Removes a delta that is damaged, so that its step runs again. Nobody may be using it.
    pub fn discard_delta(&self, content: &ContentId) -> Result<(), StoreError> {
        let root = self.root();
        self.listings().forget(content);
        let (from, to) = (name_of(content), format!("tmp/discarded-{:016x}", random()));
        match renameat(&root.fd, from.as_str(), &root.fd, to.as_str()) {
            Ok(()) => remove(root.fd.as_fd(), &to).map_err(root.io("remove the delta", &to)),
            Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(root.io("discard the delta", &from)(errno)),
        }
    }

    /// Makes everything that was stored by this handle survive a power cut. May take seconds after a large build.
    pub fn settle(&self) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut *self.unsynced().0.lock().unwrap_or_else(PoisonError::into_inner));
        let root = self.root();
        syncfs(&root.fd).map_err(root.io("sync", ""))?;
        for content in pending {
            let mark = format!("{}/boot", name_of(&content));
            match unlinkat(&root.fd, mark.as_str(), AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => (),
                Err(errno) => return Err(root.io("unmark", &mark)(errno)),
            }
        }
        Ok(())
    }
}

/// A stored tree and its listing. Nobody may write into the tree.
#[derive(Debug)]
pub struct Delta {
    store: Store,
    content: ContentId,
    tree: PathBuf,
    tree_fd: OnceLock<OwnedFd>,
    listing: OnceLock<Arc<Listing>>,
}

impl Delta {
    /// Its name.
    pub fn content(&self) -> &ContentId {
        &self.content
    }

    /// The folder with its tree, in overlayfs form; absolute.
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// Opens a file of the tree for reading, by its path in the listing. Follows no symbolic link.
    pub fn open_file(&self, path: &[u8]) -> io::Result<File> {
        let tree = match self.tree_fd.get() {
            Some(tree) => tree,
            None => {
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let tree = openat(rustix::fs::CWD, &self.tree, flags, Mode::empty())?;
                self.tree_fd.get_or_init(|| tree)
            }
        };
        open_beneath(tree.as_fd(), path)
    }

    /// Its listing, read when first asked for.
    pub fn listing(&self) -> Result<Arc<Listing>, StoreError> {
        if let Some(listing) = self.listing.get() {
            return Ok(Arc::clone(listing));
        }
        let listing = self.store.listing(&self.content)?;
        Ok(Arc::clone(self.listing.get_or_init(|| listing)))
    }
}

/// Opens a regular file below a folder, in pieces when its path is longer than one system call takes.
fn open_beneath(folder: BorrowedFd<'_>, path: &[u8]) -> io::Result<File> {
    const LONGEST: usize = 4000;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let mut held: Option<OwnedFd> = None;
    let mut rest = path;
    loop {
        let at = held.as_ref().map_or(folder, |folder| folder.as_fd());
        let (piece, flags) = if rest.len() <= LONGEST {
            (rest, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK)
        } else {
            let cut = rest[..LONGEST].iter().rposition(|byte| *byte == b'/');
            let cut = cut.ok_or(Errno::NAMETOOLONG)?;
            let piece = &rest[..cut];
            (piece, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW)
        };
        let flags = flags | OFlags::CLOEXEC;
        let opened = match openat2(at, piece, flags, Mode::empty(), resolve) {
            // Older kernels, and filters that do not know the call. Nobody else writes into the store's trees.
            Err(Errno::NOSYS | Errno::PERM) => openat(at, piece, flags, Mode::empty())?,
            other => other?,
        };
        if piece.len() == rest.len() {
            let file = File::from(opened);
            return if file.metadata()?.is_file() {
                Ok(file)
            } else {
                Err(io::Error::other("it is not a regular file"))
            };
        }
        rest = &rest[piece.len() + 1..];
        held = Some(opened);
    }
}

/// Deltas that were kept but may not be on disk yet.
#[derive(Debug, Default)]
pub(super) struct Unsynced(Mutex<Vec<ContentId>>);

/// Listings larger than this make no sense: the longest paths of a million files.
const LARGEST: u64 = 4 << 30;

fn read_listing(root: &Root, content: &ContentId) -> Result<Listing, StoreError> {
    read_weighed(root, content).map(|(listing, _)| listing)
}

fn read_weighed(root: &Root, content: &ContentId) -> Result<(Listing, usize), StoreError> {
    let name = format!("{}/listing", name_of(content));
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = match openat(&root.fd, name.as_str(), flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Err(StoreError::NoDelta(*content)),
        Err(errno) => return Err(root.io("open", &name)(errno)),
    };
    let size = file.metadata().map_err(root.io("read", &name))?.len();
    if size > LARGEST {
        return Err(StoreError::Damaged {
            path: root.join(&name),
            reason: format!("a listing of {size} bytes makes no sense"),
        });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.read_to_end(&mut bytes).map_err(root.io("read", &name))?;
    let listing = Listing::decode(&bytes).map_err(|source| StoreError::Listing {
        content: *content,
        source,
    })?;
    // Decoded, an entry takes about this much more than its few dozen bytes on disk.
    let weight = bytes.len() + size_of_val(listing.entries());
    Ok((listing, weight))
}

/// Decoded listings, the most recently used ones up to a number of bytes.
#[derive(Debug)]
pub(super) struct Listings {
    known: Mutex<Known>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Known {
    listings: HashMap<ContentId, Slot>,
    weight: usize,
    clock: u64,
}

#[derive(Debug)]
struct Slot {
    listing: Arc<Listing>,
    weight: usize,
    used: u64,
}

impl Default for Listings {
    fn default() -> Self {
        Self::with_limit(128 << 20)
    }
}

impl Listings {
    fn with_limit(limit: usize) -> Self {
        Self {
            known: Mutex::default(),
            limit,
        }
    }

    fn get(&self, content: &ContentId) -> Option<Arc<Listing>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clock += 1;
        let now = known.clock;
        let slot = known.listings.get_mut(content)?;
        slot.used = now;
        Some(Arc::clone(&slot.listing))
    }

    /// Remembers a listing; gives the one that another thread has remembered meanwhile.
    fn put(&self, content: ContentId, listing: Arc<Listing>, weight: usize) -> Arc<Listing> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.listings.get(&content) {
            return Arc::clone(&slot.listing);
        }
        // One that would push out all others is not worth it.
        if weight > self.limit / 2 {
            return listing;
        }
        while known.weight + weight > self.limit {
            let Some(oldest) = known
                .listings
                .iter()
                .min_by_key(|(_, slot)| slot.used)
                .map(|(content, _)| *content)
            else {
                break;
            };
            if let Some(slot) = known.listings.remove(&oldest) {
                known.weight -= slot.weight;
            }
        }
        known.clock += 1;
        let used = known.clock;
        known.weight += weight;
        let slot = Slot {
            listing: Arc::clone(&listing),
            weight,
            used,
        };
        known.listings.insert(content, slot);
        listing
    }

    fn forget(&self, content: &ContentId) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.listings.remove(content) {
            known.weight -= slot.weight;
        }
    }
}
