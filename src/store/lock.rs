//! Locks between threads and programs, which the kernel releases when their holder dies.
//!
//! All are `flock` locks: they belong to an open file, so two threads of one program exclude each other as well.
//! A lock on a name that may be removed follows one rule: lock first, then look whether the name still means what was
//! locked. So holders and sweepers need no further agreement.

use super::draft::random;
use super::root::Root;
use super::{Store, StoreError};
use crate::digest::StepKey;
use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, RenameFlags, flock, fstat, openat, renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

impl Store {
    /// Waits until no other build does this step, and holds it.
    ///
    /// Whoever gets the lock looks again whether the step is done. `cancelled` is asked a few dozen times a second.
    pub fn lock_step(&self, key: &StepKey, cancelled: &dyn Fn() -> bool) -> Result<StepGuard, StoreError> {
        let mut pause = Pause::default();
        loop {
            if let Some(guard) = self.try_lock_step(key)? {
                return Ok(guard);
            }
            pause.wait(cancelled)?;
        }
    }

    /// Holds the step if no other build does it.
    pub fn try_lock_step(&self, key: &StepKey) -> Result<Option<StepGuard>, StoreError> {
        let name = format!("tmp/step-{}", key.hex());
        let spares = self.spares();
        let file = match spares.renamed(&name) {
            Some(file) => Some(file),
            None => lock_name(self.root(), &name).map_err(self.root().io("lock the step", &name))?,
        };
        Ok(file.map(|file| StepGuard {
            spares: Arc::clone(spares),
            name,
            file: Some(file),
        }))
    }
}

/// Holds a step: while it lives, no other thread or program gets the same one.
#[derive(Debug)]
pub struct StepGuard {
    spares: Arc<Spares>,
    name: String,
    /// Taken when this is dropped.
    file: Option<OwnedFd>,
}

impl Drop for StepGuard {
    fn drop(&mut self) {
        // While the lock is held: whoever waits on the old file notices that the name is gone.
        if let Some(file) = self.file.take() {
            self.spares.put(&self.name, file);
        }
    }
}

/// Locked files without a meaning, kept for the next step: to rename a file takes a tenth of making and removing one.
#[derive(Debug)]
pub(super) struct Spares {
    root: Arc<Root>,
    files: Mutex<Vec<(String, OwnedFd)>>,
}

impl Spares {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self {
            root,
            files: Mutex::default(),
        }
    }

    /// One of the files under a name that nobody has; `None` when there is no spare file or somebody has the name.
    fn renamed(&self, name: &str) -> Option<OwnedFd> {
        let (spare, file) = self.files().pop()?;
        let fd = &self.root.fd;
        match renameat_with(fd, spare.as_str(), fd, name, RenameFlags::NOREPLACE) {
            Ok(()) => Some(file),
            // The name is taken, or this file system can't rename without replacing.
            Err(_) => {
                self.files().push((spare, file));
                None
            }
        }
    }

    /// Takes a locked file that is not needed under its name any more.
    fn put(&self, name: &str, file: OwnedFd) {
        let spare = format!("tmp/spare-{:016x}", random());
        match renameat(&self.root.fd, name, &self.root.fd, spare.as_str()) {
            Ok(()) => self.files().push((spare, file)),
            // A failure leaves an empty file that the next sweep takes.
            Err(_) => drop(unlinkat(&self.root.fd, name, AtFlags::empty())),
        }
    }

    fn files(&self) -> MutexGuard<'_, Vec<(String, OwnedFd)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        for (name, _file) in self.files().drain(..) {
            let _ = unlinkat(&self.root.fd, name.as_str(), AtFlags::empty());
        }
    }
}

/// As [`lock_name`], after waiting for whoever holds it.
pub(super) fn wait_for_name(root: &Root, name: &str) -> Result<OwnedFd, StoreError> {
    let mut pause = Pause::default();
    loop {
        if let Some(file) = lock_name(root, name).map_err(root.io("lock", name))? {
            return Ok(file);
        }
        pause.wait(&|| false)?;
    }
}

/// Takes the exclusive lock of the file `name`, which is made when missing and removed by its last holder.
fn lock_name(root: &Root, name: &str) -> io::Result<Option<OwnedFd>> {
    loop {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = openat(&root.fd, name, flags, Mode::from(0o600))?;
        if !try_lock(file.as_fd(), Hold::Alone)? {
            return Ok(None);
        }
        if is_named(root, name, file.as_fd())? {
            return Ok(Some(file));
        }
    }
}

/// Whether `name` still leads to the open file or folder.
pub(super) fn is_named(root: &Root, name: &str, file: BorrowedFd<'_>) -> io::Result<bool> {
    let held = fstat(file)?;
    match statat(&root.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// How a lock is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Shared,
    Alone,
}

/// Takes a lock if nobody stands in the way.
pub(super) fn try_lock(file: BorrowedFd<'_>, hold: Hold) -> io::Result<bool> {
    let operation = match hold {
        Hold::Shared => FlockOperation::NonBlockingLockShared,
        Hold::Alone => FlockOperation::NonBlockingLockExclusive,
    };
    loop {
        match flock(file, operation) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(Errno::INTR) => (),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Waits for a lock, and asks between tries whether anybody still wants it.
pub(super) fn lock(
    root: &Root,
    name: &str,
    file: BorrowedFd<'_>,
    hold: Hold,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), StoreError> {
    let mut pause = Pause::default();
    while !try_lock(file, hold).map_err(root.io("lock", name))? {
        pause.wait(cancelled)?;
    }
    Ok(())
}

/// Ever longer pauses between tries: 1 ms at first, 25 ms at last.
#[derive(Default)]
pub(super) struct Pause(u32);

impl Pause {
    pub(super) fn wait(&mut self, cancelled: &dyn Fn() -> bool) -> Result<(), StoreError> {
        if cancelled() {
            return Err(StoreError::Cancelled);
        }
        std::thread::sleep(Duration::from_millis((1 << self.0.min(5)).min(25)));
        self.0 += 1;
        Ok(())
    }
}
