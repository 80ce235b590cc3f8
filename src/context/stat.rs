//! What the kernel says about one file, and how to open it without leaving the context.

use crate::layer::Time;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags};
use rustix::io::Errno;

/// Longest path below the context that is read, in bytes: what one system call can name.
pub(super) const MAX_PATH: usize = 4095;

/// What tells one state of a file from another, and what the listing shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) mtime: Time,
    pub(super) ctime: Time,
    /// Type and permissions.
    pub(super) mode: u32,
    pub(super) links: u32,
    /// Major and minor number of a device file.
    pub(super) number: (u32, u32),
}

impl Stat {
    /// Of a name in a directory; a link is not followed.
    pub(super) fn at(directory: impl AsFd, name: &std::ffi::CStr) -> Result<Self, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        rustix::fs::statx(directory, name, flags, StatxFlags::BASIC_STATS).map(Self::from)
    }

    /// Of an open file.
    pub(super) fn of(file: impl AsFd) -> Result<Self, Errno> {
        rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).map(Self::from)
    }

    pub(super) fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }

    /// Whether both are the same state of the same file; how many names it has does not matter.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Self { links: 0, ..*self } == Self { links: 0, ..*other }
    }

    /// Whether the file cannot have changed after `stamp` without its times telling.
    ///
    /// A file that was changed in the same tick of the clock in which it was looked at may change once more in
    /// that tick. File systems that count whole or even seconds have long ticks.
    pub(super) fn is_older_than(&self, stamp: Time) -> bool {
        if self.mtime.nanoseconds == 0 && self.ctime.nanoseconds == 0 {
            let whole = |time: Time| time.seconds.saturating_add(2) <= stamp.seconds;
            return whole(self.mtime) && whole(self.ctime);
        }
        self.mtime < stamp && self.ctime < stamp
    }
}

impl From<Statx> for Stat {
    fn from(stat: Statx) -> Self {
        let time = |time: rustix::fs::StatxTimestamp| Time {
            seconds: time.tv_sec,
            nanoseconds: time.tv_nsec,
        };
        Self {
            device: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
            inode: stat.stx_ino,
            size: stat.stx_size,
            mtime: time(stat.stx_mtime),
            ctime: time(stat.stx_ctime),
            mode: u32::from(stat.stx_mode),
            links: stat.stx_nlink,
            number: (stat.stx_rdev_major, stat.stx_rdev_minor),
        }
    }
}

/// Opens a path below a directory; no component may be a link or lead out.
pub(super) fn open_below(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if !flags.contains(OFlags::PATH) {
        flags |= OFlags::NOCTTY;
    }
    let path: &[u8] = if path.is_empty() { b"." } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
        // Older kernels, and sandboxes that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open_by_component(root, path, flags),
        other => other,
    }
}

fn open_by_component(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let way = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut names = path.split(|byte| *byte == b'/').peekable();
    let mut held: Option<OwnedFd> = None;
    while let Some(name) = names.next() {
        if name == b".." {
            return Err(Errno::XDEV);
        }
        let directory = held.as_ref().map_or(root, AsFd::as_fd);
        let flags = if names.peek().is_some() { way } else { flags };
        held = Some(rustix::fs::openat(directory, name, flags, Mode::empty())?);
    }
    held.ok_or(Errno::NOENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_never_leaves_and_never_follows() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("d")).unwrap();
        std::fs::write(dir.path().join("d/f"), "x").unwrap();
        std::os::unix::fs::symlink("d", dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("out")).unwrap();
        let root = std::fs::File::open(dir.path()).unwrap();
        for open in [open_below, open_by_component] {
            let open = |path: &str| open(root.as_fd(), path.as_bytes(), OFlags::RDONLY | OFlags::NOFOLLOW);
            assert!(open("d/f").is_ok());
            for path in ["link/f", "out/etc", "link", "..", "d/../../x"] {
                assert!(open(path).is_err(), "{path}");
            }
        }
    }
}
