//! Opening a store, and the folder that everything else is relative to.

use super::database::Database;
use super::delta::{Listings, Unsynced};
use super::lock::{Hold, Spares, try_lock};
use super::work::Remover;
use super::{Records, StoreError};
use crate::digest::Fields;
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// What must have reached the disk before a name appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Nothing: a program killed at any moment does no harm, and after a power cut the store notices what is
    /// incomplete and does that work again. [`Store::settle`] makes what was done until then safe.
    #[default]
    Fast,
    /// The data: whatever was reported done survives a power cut.
    Synced,
}

/// How to use a store.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What must have reached the disk before a name appears.
    pub durability: Durability,
}

/// One folder of blobs, deltas and records, shared by threads and programs.
///
/// Cloning is cheap and gives the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    root: Arc<Root>,
    database: Database,
    listings: Listings,
    durability: Durability,
    unsynced: Unsynced,
    spares: Arc<Spares>,
    remover: Arc<Remover>,
    boot: OnceLock<String>,
}

/// The store's folder, held open.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) fd: OwnedFd,
    pub(super) path: PathBuf,
    /// Held shared by every user of the store, and alone by whoever removes things from it.
    pub(super) use_lock: OwnedFd,
}

impl Root {
    /// The absolute path of something in the store.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Turns an error of the file system into the store's.
    pub(super) fn io<E: Into<io::Error>>(&self, action: &'static str, name: &str) -> impl FnOnce(E) -> StoreError {
        let make = StoreError::io(&self.path, action, self.join(name));
        |error| make(error.into())
    }

    /// Makes a folder; one that is there is fine.
    pub(super) fn folder(&self, name: &str, mode: u32) -> Result<(), StoreError> {
        match mkdirat(&self.fd, name, Mode::from(mode)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(self.io("create the folder", name)(errno)),
        }
    }
}

/// Folders of a store. Trees hold set-user-ID programs of other systems: nobody else may enter.
const FOLDERS: [(&str, u32); 8] = [
    ("blobs", 0o755),
    ("blobs/sha256", 0o755),
    ("deltas", 0o700),
    ("deltas/v1", 0o700),
    ("contexts", 0o700),
    ("contexts/v1", 0o700),
    ("mounts", 0o700),
    ("mounts/v1", 0o700),
];

impl Store {
    /// Opens the store in the folder `root`, which is made when missing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Future`] when a newer varve wrote it, and whatever the file system refuses.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Self::open_with(root, Options::default())
    }

    /// Opens the store in the folder `root` in a certain way.
    pub fn open_with(root: &Path, options: Options) -> Result<Self, StoreError> {
        let at_root = |action| StoreError::io(root, action, root);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = match openat(rustix::fs::CWD, root, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                std::fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(root)
                    .map_err(at_root("create the store"))?;
                openat(rustix::fs::CWD, root, flags, Mode::empty())
            }
            other => other,
        }
        .map_err(|errno| at_root("open the store")(errno.into()))?;
        // Paths of deltas go into mount options and other processes: they must mean the same everywhere.
        let path = std::fs::canonicalize(root).map_err(at_root("find the store"))?;
        let lock_flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let use_lock = openat(&fd, "use.lock", lock_flags, Mode::from(0o600))
            .map_err(|errno| StoreError::io(&path, "open", path.join("use.lock"))(errno.into()))?;
        let root = Arc::new(Root { fd, path, use_lock });
        // Removal takes milliseconds to seconds, and waiting for it is no deadlock: it waits for nobody.
        super::lock::lock(&root, "use.lock", root.use_lock.as_fd(), Hold::Shared, &|| false)?;
        let database = Database::open(&root.path)?;
        for (name, mode) in FOLDERS {
            root.folder(name, mode)?;
        }
        root.folder("tmp", 0o700)?;
        Ok(Self(Arc::new(Inner {
            spares: Arc::new(Spares::new(Arc::clone(&root))),
            remover: Arc::new(Remover::new(Arc::clone(&root))),
            root,
            database,
            listings: Listings::default(),
            durability: options.durability,
            unsynced: Unsynced::default(),
            boot: OnceLock::new(),
        })))
    }

    /// The store's folder, absolute.
    pub fn path(&self) -> &Path {
        &self.0.root.path
    }

    /// Looks things up in one transaction: all answers are of one moment, and each costs about a microsecond.
    pub fn read<T, E: From<StoreError>>(&self, look: impl FnOnce(&Records<'_>) -> Result<T, E>) -> Result<T, E> {
        self.0.database.read(look)
    }

    /// Writes records in one transaction: all or none. Waits for other writers.
    pub fn write<T, E: From<StoreError>>(&self, write: impl FnOnce(&Records<'_>) -> Result<T, E>) -> Result<T, E> {
        self.0.database.write(write)
    }

    /// Where the stat index of a context directory belongs. Its owner writes it as it likes, best by rename.
    pub fn context_index(&self, directory: &Path) -> PathBuf {
        let mut name = Fields::new("varve 2026 context index name v1");
        name.bytes(directory.as_os_str().as_bytes());
        self.0.root.join(&format!("contexts/v1/{}", name.file_digest().hex()))
    }

    /// Whether this store promises that finished work survives a power cut.
    pub fn durability(&self) -> Durability {
        self.0.durability
    }

    pub(super) fn root(&self) -> &Arc<Root> {
        &self.0.root
    }

    pub(super) fn database(&self) -> &Database {
        &self.0.database
    }

    pub(super) fn listings(&self) -> &Listings {
        &self.0.listings
    }

    pub(super) fn unsynced(&self) -> &Unsynced {
        &self.0.unsynced
    }

    pub(super) fn spares(&self) -> &Arc<Spares> {
        &self.0.spares
    }

    pub(super) fn remover(&self) -> &Arc<Remover> {
        &self.0.remover
    }

    /// Names the time since the machine started; a power cut lies between two of them.
    pub(super) fn boot(&self) -> &str {
        self.0.boot.get_or_init(|| {
            let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            match id.trim() {
                // Never equal to a later one, so what it marks is looked at.
                "" => format!("unknown-{}", super::draft::random()),
                id => id.to_owned(),
            }
        })
    }

    /// Calls `deed` while no other user of the store exists.
    pub(super) fn alone<T>(&self, deed: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let root = &self.0.root;
        let lock = root.use_lock.as_fd();
        let alone = try_lock(lock, Hold::Alone).map_err(root.io("lock", "use.lock"))?;
        let result = if alone {
            deed()
        } else {
            Err(StoreError::InUse(root.path.clone()))
        };
        // Also after a failed try: changing a lock may lose it.
        super::lock::lock(root, "use.lock", lock, Hold::Shared, &|| false)?;
        result
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("root", &self.0.root.path)
            .finish_non_exhaustive()
    }
}
