//! What the store holds, and how it gets rid of it.

use super::clock::nanoseconds;
use super::lock::{Hold, is_named, try_lock};
use super::remove::remove;
use super::root::Root;
use super::{Store, StoreError};
use crate::digest::{BlobDigest, ContentId};
use crate::layer::Time;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;

use walkdir::WalkDir;

/// Names and bytes of one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// How many.
    pub count: u64,
    /// Bytes on disk, in whole blocks.
    pub bytes: u64,
}

/// What the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Blobs.
    pub blobs: Share,
    /// Deltas with their listings.
    pub deltas: Share,
    /// Stat indexes of contexts.
    pub contexts: Share,
    /// Cache mounts.
    pub mounts: Share,
    /// What is not finished, or was left by a program that was killed.
    pub drafts: Share,
    /// The database and its log.
    pub database: Share,
}

impl Usage {
    /// Bytes of everything.
    pub fn total(&self) -> u64 {
        let parts = [
            self.blobs,
            self.deltas,
            self.contexts,
            self.mounts,
            self.drafts,
            self.database,
        ];
        parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add)
    }
}

/// What to keep when pruning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Retention {
    /// Forgets whatever was last used before this.
    pub used_since: Option<Time>,
    /// Forgets what was used longest ago until deltas and blobs fit.
    pub most_bytes: Option<u64>,
}

/// What a prune removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Records of steps.
    pub steps: u64,
    /// Deltas.
    pub deltas: Share,
    /// Blobs.
    pub blobs: Share,
    /// Cache mounts and context indexes.
    pub others: Share,
}

impl Store {
    /// Removes what programs left behind that were killed. Cheap when there is nothing.
    ///
    /// Whatever has a living owner stays: owners hold locks, and the kernel releases them at their death.
    pub fn sweep(&self) -> Result<(), StoreError> {
        let root = self.root();
        for (name, _) in names(root, "tmp")? {
            let name = format!("tmp/{name}");
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let left = match openat(&root.fd, name.as_str(), flags, Mode::empty()) {
                Ok(left) => left,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(root.io("open", &name)(errno)),
            };
            if !try_lock(left.as_fd(), Hold::Alone).map_err(root.io("lock", &name))? {
                continue;
            }
            // While the lock is held, so that nobody takes the name for theirs.
            if is_named(root, &name, left.as_fd()).map_err(root.io("look at", &name))? {
                remove(root.fd.as_fd(), &name).map_err(root.io("remove the leftover", &name))?;
            }
        }
        Ok(())
    }

    /// What the store holds. Looks at every file, and so takes about two microseconds for each.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let root = self.root();
        let mut usage = Usage {
            blobs: share(root, "blobs/sha256")?,
            deltas: share(root, "deltas/v1")?,
            contexts: share(root, "contexts/v1")?,
            mounts: share(root, "mounts/v1")?,
            drafts: share(root, "tmp")?,
            database: Share::default(),
        };
        for name in ["varve.db", "varve.db-wal", "varve.db-shm"] {
            if let Ok(found) = statat(&root.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                usage.database.count += 1;
                usage.database.bytes += blocks(&found);
            }
        }
        Ok(usage)
    }

    /// Forgets what has not been used for long, and removes what nothing refers to any more.
    ///
    /// Images keep their layers and blobs. This handle must not be building at the same time: what was stored and is in
    /// no record yet goes too.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] when another program has the store open.
    pub fn prune(&self, retention: &Retention) -> Result<Pruned, StoreError> {
        self.alone(|| Prune::new(self)?.run(retention))
    }
}

struct Prune<'a> {
    store: &'a Store,
    pruned: Pruned,
    deltas: HashMap<ContentId, u64>,
    blobs: HashMap<BlobDigest, u64>,
}

impl<'a> Prune<'a> {
    fn new(store: &'a Store) -> Result<Self, StoreError> {
        let (deltas, blobs) = (store.deltas()?, store.blobs()?);
        Ok(Self {
            store,
            pruned: Pruned::default(),
            deltas,
            blobs,
        })
    }

    fn run(mut self, retention: &Retention) -> Result<Pruned, StoreError> {
        self.store.sweep()?;
        let since = retention.used_since.map(nanoseconds);
        if let Some(since) = since {
            self.forget_before(since)?;
            self.others(since)?;
        }
        self.collect()?;
        if let Some(most) = retention.most_bytes {
            let mut before = i64::MIN;
            while self.bytes() > most {
                // A sixteenth at a time: each round looks at all references once.
                let Some(next) = self.nth_use(self.uses()? / 16)? else {
                    break;
                };
                before = next.max(before.saturating_add(1));
                self.forget_before(before.saturating_add(1))?;
                self.collect()?;
            }
        }
        Ok(self.pruned)
    }

    fn bytes(&self) -> u64 {
        self.blobs.values().sum::<u64>() + self.deltas.values().sum::<u64>()
    }

    fn uses(&self) -> Result<i64, StoreError> {
        let count = self.store.read(|records| {
            records.find(
                "count the uses",
                "SELECT (SELECT count(*) FROM steps) + (SELECT count(*) FROM imports)",
                [],
                |row| row.get(0),
            )
        })?;
        Ok(count.unwrap_or_default())
    }

    fn nth_use(&self, number: i64) -> Result<Option<i64>, StoreError> {
        self.store.read(|records| {
            records.find(
                "order the uses",
                "SELECT used FROM (SELECT used FROM steps UNION ALL SELECT used FROM imports) ORDER BY used LIMIT 1 OFFSET ?1",
                [number],
                |row| row.get(0),
            )
        })
    }

    fn forget_before(&mut self, since: i64) -> Result<(), StoreError> {
        let forgotten: i64 = self.store.write(|records| {
            let count = records.find(
                "count old steps",
                "SELECT count(*) FROM steps WHERE used < ?1",
                [since],
                |row| row.get(0),
            )?;
            for sql in [
                "DELETE FROM steps WHERE used < ?1",
                "DELETE FROM imports WHERE used < ?1",
                // An image that was not fetched whole needs its source for as long as it is there, and what is said of
                // an image stays with it.
                "DELETE FROM memos WHERE used < ?1 AND kind NOT LIKE 'source of an image %' \
                 AND NOT (kind LIKE 'testimony %' AND key IN (SELECT id FROM images))",
            ] {
                records.change("forget what is old", sql, [since])?;
            }
            records.change(
                "forget old ingredients",
                "DELETE FROM ingredients WHERE key NOT IN (SELECT key FROM steps)",
                [],
            )?;
            Ok::<_, StoreError>(count.unwrap_or_default())
        })?;
        self.pruned.steps += u64::try_from(forgotten).unwrap_or_default();
        Ok(())
    }

    /// Removes what nothing refers to.
    fn collect(&mut self) -> Result<(), StoreError> {
        let (contents, blobs) = self.store.read(|records| records.wanted())?;
        let mut lost: Vec<ContentId> = self
            .deltas
            .keys()
            .filter(|it| !contents.contains(it))
            .copied()
            .collect();
        lost.sort_unstable();
        // Rows first: without them the files are only unknown, but a row without its files would be wrong about those
        // that come next.
        self.store.write(|records| {
            for content in &lost {
                for sql in [
                    "DELETE FROM layers WHERE content = ?1",
                    "DELETE FROM imports WHERE content = ?1",
                ] {
                    records.change("forget a delta", sql, [content.as_bytes()])?;
                }
            }
            Ok::<_, StoreError>(())
        })?;
        for content in lost {
            self.store.discard_delta(&content)?;
            self.pruned.deltas.count += 1;
            self.pruned.deltas.bytes += self.deltas.remove(&content).unwrap_or_default();
        }
        let mut lost: Vec<BlobDigest> = self
            .blobs
            .keys()
            .filter(|digest| !blobs.contains(*digest))
            .copied()
            .collect();
        lost.sort_unstable();
        for digest in lost {
            self.store.write(|records| {
                records.change(
                    "forget a blob",
                    "DELETE FROM blobs WHERE digest = ?1",
                    [digest.as_bytes()],
                )
            })?;
            self.store.discard_blob(&digest)?;
            self.pruned.blobs.count += 1;
            self.pruned.blobs.bytes += self.blobs.remove(&digest).unwrap_or_default();
        }
        Ok(())
    }

    /// Cache mounts and context indexes that were last used before.
    fn others(&mut self, since: i64) -> Result<(), StoreError> {
        let root = self.store.root();
        let old = |name: &str| {
            statat(&root.fd, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|found| found.st_mtime.saturating_mul(1_000_000_000) < since)
        };
        let mut lost = Vec::new();
        for (name, _) in names(root, "contexts/v1")? {
            let name = format!("contexts/v1/{name}");
            if old(&name) {
                lost.push(name);
            }
        }
        for (folder, _) in names(root, "mounts/v1")? {
            let folder = format!("mounts/v1/{folder}");
            let locks: Vec<String> = names(root, &folder)?
                .into_iter()
                .filter(|(name, _)| name.ends_with(".lock"))
                .map(|(name, _)| format!("{folder}/{name}"))
                .collect();
            if locks.iter().all(|lock| old(lock)) {
                lost.push(folder);
            }
        }
        for name in lost {
            self.pruned.others.count += 1;
            self.pruned.others.bytes += share(root, &name).map_or(0, |share| share.bytes);
            remove(root.fd.as_fd(), &name).map_err(root.io("remove", &name))?;
        }
        Ok(())
    }
}

/// The names in a folder of the store that are text, sorted, and whether each is a folder. A missing folder is empty.
pub(super) fn names(root: &Root, folder: &str) -> Result<Vec<(String, bool)>, StoreError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let read = || -> rustix::io::Result<Vec<(String, bool)>> {
        let mut names = Vec::new();
        let folder = match openat(&root.fd, folder, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(names),
            other => other?,
        };
        for entry in Dir::new(folder)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push((name.to_owned(), entry.file_type() == FileType::Directory));
            }
        }
        names.sort_unstable();
        Ok(names)
    };
    read().map_err(root.io("list", folder))
}

/// Counts the names in a folder, or a file itself, and the bytes of everything below.
pub(super) fn share(root: &Root, name: &str) -> Result<Share, StoreError> {
    let mut share = Share::default();
    let found = match statat(&root.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(share),
        Err(errno) => return Err(root.io("look at", name)(errno)),
    };
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        share = Share {
            count: 1,
            bytes: blocks(&found),
        };
        return Ok(share);
    }
    // Names that vanish meanwhile count as nothing, and so do folders that can't be read.
    let mut linked = HashSet::new();
    for entry in WalkDir::new(root.path.join(name)).min_depth(1).into_iter().flatten() {
        share.count += u64::from(entry.depth() == 1);
        let Ok(found) = entry.metadata() else { continue };
        if found.is_dir() || found.nlink() == 1 || linked.insert((found.dev(), found.ino())) {
            share.bytes += found.blocks() * 512;
        }
    }
    Ok(share)
}

pub(super) fn blocks(found: &rustix::fs::Stat) -> u64 {
    u64::try_from(found.st_blocks).unwrap_or_default().saturating_mul(512)
}
