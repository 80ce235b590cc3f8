//! Cache mounts: folders that outlive a build and are shared, taken in turns, or kept apart.

use super::lock::{Hold, Pause, lock, try_lock};
use super::remove::remove;
use super::{Store, StoreError};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, mkdirat, openat, renameat, statat};
use rustix::io::Errno;
use std::fmt::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Who may use a cache mount at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MountSharing {
    /// Everybody, except beside somebody who asked for [`MountSharing::Locked`].
    Shared,
    /// Nobody else: whoever finds it in use gets another folder.
    Private,
    /// Nobody else: whoever finds it in use waits.
    Locked,
}

/// A cache mount in use; dropping it lets others in.
#[derive(Debug)]
pub struct CacheMount {
    path: PathBuf,
    _lock: OwnedFd,
}

impl CacheMount {
    /// The folder; absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Store {
    /// Takes the cache mount with this identity into use.
    ///
    /// A new folder (mode 0755) is given to `seed` first, which sets its mode, owner and first content; others see it
    /// only when that has succeeded.
    ///
    /// # Errors
    ///
    /// [`StoreError::Seed`] with what `seed` says, [`StoreError::Cancelled`] when waiting was given up.
    pub fn cache_mount<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        identity: &[u8; 32],
        sharing: MountSharing,
        cancelled: &dyn Fn() -> bool,
        seed: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<CacheMount, StoreError> {
        let root = self.root();
        let mut folder = "mounts/v1/".to_owned();
        for byte in identity {
            let _ = write!(folder, "{byte:02x}");
        }
        root.folder(&folder, 0o700)?;
        let mut number = 0;
        let (lock_name, file) = loop {
            let name = format!("{folder}/{number}.lock");
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let file = openat(&root.fd, name.as_str(), flags, Mode::from(0o600)).map_err(root.io("open", &name))?;
            match sharing {
                MountSharing::Shared => lock(root, &name, file.as_fd(), Hold::Shared, cancelled)?,
                MountSharing::Locked => lock(root, &name, file.as_fd(), Hold::Alone, cancelled)?,
                MountSharing::Private => {
                    if !try_lock(file.as_fd(), Hold::Alone).map_err(root.io("lock", &name))? {
                        number += 1;
                        continue;
                    }
                }
            }
            break (name, file);
        };
        let name = format!("{folder}/{number}");
        let exists = || match statat(&root.fd, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(root.io("look for the cache mount", &name)(errno)),
        };
        if !exists()? {
            match sharing {
                MountSharing::Private | MountSharing::Locked => self.seed_mount(&name, seed)?,
                // Alone while it gets its first content, but never waiting for that: whoever holds the lock shared may
                // have the folder in use for as long as another command that waits for this one.
                MountSharing::Shared => {
                    let mut pause = Pause::default();
                    while !exists()? {
                        rustix::fs::flock(&file, FlockOperation::Unlock).map_err(root.io("unlock", &lock_name))?;
                        if try_lock(file.as_fd(), Hold::Alone).map_err(root.io("lock", &lock_name))? {
                            if !exists()? {
                                self.seed_mount(&name, seed)?;
                            }
                            lock(root, &lock_name, file.as_fd(), Hold::Shared, cancelled)?;
                            break;
                        }
                        pause.wait(cancelled)?;
                        // Behind whoever seeds it.
                        lock(root, &lock_name, file.as_fd(), Hold::Shared, cancelled)?;
                    }
                }
            }
        }
        // The time of the last use, for pruning; a store that can't tell it is still good.
        let _ = rustix::fs::futimens(&file, &touched());
        Ok(CacheMount {
            path: root.join(&name),
            _lock: file,
        })
    }

    /// Takes the first folder of a cache mount into use, beside others who share it; `None` when there is none yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Cancelled`] when waiting was given up.
    pub fn used_cache_mount(
        &self,
        identity: &[u8; 32],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Option<CacheMount>, StoreError> {
        let root = self.root();
        let mut name = "mounts/v1/".to_owned();
        for byte in identity {
            let _ = write!(name, "{byte:02x}");
        }
        name.push_str("/0");
        let lock_name = format!("{name}.lock");
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = match openat(&root.fd, lock_name.as_str(), flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(root.io("open", &lock_name)(errno)),
        };
        lock(root, &lock_name, file.as_fd(), Hold::Shared, cancelled)?;
        match statat(&root.fd, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(Some(CacheMount {
                path: root.join(&name),
                _lock: file,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(root.io("look for the cache mount", &name)(errno)),
        }
    }

    fn seed_mount<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self,
        name: &str,
        seed: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<(), StoreError> {
        let root = self.root();
        let new = format!("{name}.new");
        // Of a program that was killed while it did this.
        remove(root.fd.as_fd(), &new).map_err(root.io("clean up", &new))?;
        mkdirat(&root.fd, new.as_str(), Mode::from(0o755)).map_err(root.io("create the folder", &new))?;
        rustix::fs::chmodat(&root.fd, new.as_str(), Mode::from(0o755), AtFlags::empty())
            .map_err(root.io("open up", &new))?;
        let path = root.join(&new);
        if let Err(error) = seed(&path) {
            let _ = remove(root.fd.as_fd(), &new);
            return Err(StoreError::Seed {
                path,
                source: error.into(),
            });
        }
        renameat(&root.fd, new.as_str(), &root.fd, name).map_err(root.io("store the cache mount", name))
    }
}

fn touched() -> rustix::fs::Timestamps {
    let now = rustix::fs::Timespec {
        tv_sec: 0,
        tv_nsec: rustix::fs::UTIME_NOW,
    };
    rustix::fs::Timestamps {
        last_access: now,
        last_modification: now,
    }
}
