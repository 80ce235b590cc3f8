//! What is not finished: folders and files in `tmp/` that belong to whoever holds their lock.

use super::lock::{Hold, is_named, try_lock};
use super::remove::remove;
use super::root::Root;
use super::work::Remover;
use super::{Store, StoreError};
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

impl Store {
    /// Begins a delta: a folder for its tree, on the store's file system.
    pub fn draft(&self) -> Result<Draft, StoreError> {
        let root = Arc::clone(self.root());
        let (lock, name) = claim_folder(&root, "draft")?;
        let mut draft = Draft {
            tree_path: root.join(&format!("{name}/tree")),
            work: OnceLock::new(),
            remover: Arc::clone(self.remover()),
            root,
            name,
            lock,
            tree: None,
        };
        // Like the root folder of a container: every user may pass.
        mkdirat(&draft.lock, "tree", Mode::from(0o755)).map_err(draft.root.io("create a folder in", &draft.name))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let tree = openat(&draft.lock, "tree", flags, Mode::empty())
            .and_then(|tree| rustix::fs::fchmod(&tree, Mode::from(0o755)).map(|()| tree))
            .map_err(draft.root.io("open the tree of", &draft.name))?;
        draft.tree = Some(tree);
        Ok(draft)
    }
}

/// A delta in the making. Dropping it removes it; [`Store::keep`] gives it its name.
#[derive(Debug)]
pub struct Draft {
    pub(super) root: Arc<Root>,
    /// Relative to the store; empty when the draft has become something else.
    pub(super) name: String,
    pub(super) lock: OwnedFd,
    tree: Option<OwnedFd>,
    tree_path: PathBuf,
    work: OnceLock<Work>,
    remover: Arc<Remover>,
}

/// A folder beside a draft.
#[derive(Debug)]
struct Work {
    name: String,
    path: PathBuf,
    lock: OwnedFd,
}

impl Draft {
    /// The folder that becomes the delta's tree, in overlayfs form; absolute.
    pub fn tree(&self) -> &Path {
        &self.tree_path
    }

    /// The same folder, open for reading.
    pub fn tree_fd(&self) -> BorrowedFd<'_> {
        // Set by the only function that makes drafts.
        self.tree.as_ref().unwrap_or(&self.lock).as_fd()
    }

    /// A folder for overlayfs' `workdir`, pipes and the like, on the same file system; absolute. Made when first asked
    /// for; goes with the draft, or soon after.
    pub fn work(&self) -> Result<&Path, StoreError> {
        let work = match self.work.get() {
            Some(work) => work,
            None => {
                let (lock, name) = claim_folder(&self.root, "work")?;
                let path = self.root.join(&name);
                self.work.get_or_init(|| Work { name, path, lock })
            }
        };
        Ok(&work.path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            // What can't be removed now has no owner any more, and the next sweep tries again.
            let _ = remove(self.root.fd.as_fd(), &self.name);
        }
        if let Some(work) = self.work.take() {
            self.remover.remove(work.name, work.lock);
        }
    }
}

/// Makes an empty locked folder in `tmp/`.
fn claim_folder(root: &Root, kind: &str) -> Result<(OwnedFd, String), StoreError> {
    claim(root, kind, |name| {
        mkdirat(&root.fd, name, Mode::from(0o700))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&root.fd, name, flags, Mode::empty())
    })
}

/// Makes an empty locked file in `tmp/`.
pub(super) fn claim_file(root: &Root, kind: &str) -> Result<(File, String), StoreError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let (file, name) = claim(root, kind, |name| openat(&root.fd, name, flags, Mode::from(0o600)))?;
    Ok((File::from(file), name))
}

/// Makes something new in `tmp/` and locks it.
///
/// A sweep may come between the two: it takes what has no lock. Then there is no such name any more, and another try.
fn claim(
    root: &Root,
    kind: &str,
    mut make: impl FnMut(&str) -> rustix::io::Result<OwnedFd>,
) -> Result<(OwnedFd, String), StoreError> {
    loop {
        let name = format!("tmp/{kind}-{:016x}", random());
        let made = match make(&name) {
            Ok(made) => made,
            Err(Errno::EXIST) => continue,
            // Swept between being made and being opened, unless `tmp/` itself is gone.
            Err(Errno::NOENT) if rustix::fs::access(root.join("tmp"), rustix::fs::Access::EXISTS).is_ok() => continue,
            Err(errno) => return Err(root.io("create", &name)(errno)),
        };
        let locked = try_lock(made.as_fd(), Hold::Alone).map_err(root.io("lock", &name))?;
        if locked && is_named(root, &name, made.as_fd()).map_err(root.io("look at", &name))? {
            return Ok((made, name));
        }
    }
}

/// A number that no other thread or program is likely to draw.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
