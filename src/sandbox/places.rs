//! Places inside the root, found and made as the command will see them. See [`perform`](super::perform) for the rules.

use super::program::{Kind, Target};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, StatxFlags, Uid};
use rustix::io::Errno;
use std::ffi::CStr;

/// Opens a path as the command will see it: links lead nowhere but into the root, and the doors of
/// `/proc/self/fd` to what the parent has open are shut.
pub(super) fn open_inside(root: BorrowedFd<'_>, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = flags | OFlags::CLOEXEC;
    // With `..` in a link the kernel gives up when anything on the machine is renamed at the same moment.
    let mut attempts = 0;
    loop {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) if attempts < 1000 => attempts += 1,
            other => return other,
        }
    }
}

/// Opens a place that need not be there.
pub(super) fn open_existing(root: BorrowedFd<'_>, target: &Target) -> Result<Option<OwnedFd>, Errno> {
    match open_inside(root, &target.path, OFlags::PATH) {
        Ok(place) => Ok(Some(place)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Opens a place, and makes it with its parents if it is missing.
pub(super) fn make_target(root: BorrowedFd<'_>, target: &Target) -> Result<OwnedFd, Errno> {
    let wanted = match target.kind {
        Kind::Directory => OFlags::PATH | OFlags::DIRECTORY,
        Kind::File => OFlags::PATH,
    };
    match open_inside(root, &target.path, wanted) {
        Err(Errno::NOENT) => (),
        other => return other,
    }
    let mut parent = open_inside(root, c"/", OFlags::PATH | OFlags::DIRECTORY)?;
    let last = target.prefixes.len().saturating_sub(1);
    for (index, (path, name)) in target.prefixes.iter().enumerate() {
        let flags = if index == last {
            wanted
        } else {
            OFlags::PATH | OFlags::DIRECTORY
        };
        parent = match open_inside(root, path, flags) {
            Err(Errno::NOENT) => {
                if index == last && target.kind == Kind::File {
                    make_file(&parent, name)?;
                } else {
                    match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(target.mode)) {
                        // A link to nowhere: making what it points to would be guesswork.
                        Err(Errno::EXIST) => return Err(Errno::NOENT),
                        other => other?,
                    }
                }
                let (uid, gid) = target.owner;
                if (uid, gid) != (0, 0) {
                    let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
                    rustix::fs::chownat(&parent, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
                }
                open_inside(root, path, flags)?
            }
            other => other?,
        };
    }
    Ok(parent)
}

/// What a descriptor leads to.
pub(super) fn file_type(place: BorrowedFd<'_>) -> Result<FileType, Errno> {
    let stat = rustix::fs::statx(place, c"", AtFlags::EMPTY_PATH, StatxFlags::TYPE)?;
    Ok(FileType::from_raw_mode(u32::from(stat.stx_mode)))
}

/// Makes an empty file.
pub(super) fn make_file(directory: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, create, Mode::from_raw_mode(0o644)).map(drop)
}
