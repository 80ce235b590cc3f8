//! Removes trees of any depth and mode.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, chmodat, fchmod, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How deep to go before a folder is first moved up: bounds open files and the stack, whatever a build has made.
const DEEPEST: usize = 64;

/// Removes the file or tree `name` of the folder `parent`; no such name is success. Follows no link.
///
/// Folders that forbid it are made writable first, so a user without privileges can remove what was built.
pub(super) fn remove(parent: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // Linux says EISDIR, POSIX says EPERM.
        Err(Errno::ISDIR | Errno::PERM) => (),
        Err(errno) => return Err(errno.into()),
    }
    let name = CString::new(name)?;
    let top = open_folder(parent, &name)?;
    let mut moved = 0;
    loop {
        let before = moved;
        empty(top.as_fd(), top.as_fd(), 0, &mut moved)?;
        if moved == before {
            break;
        }
    }
    Ok(unlinkat(parent, &name, AtFlags::REMOVEDIR)?)
}

/// Removes everything in `folder`; what is too deep becomes a child of `top`, for a later pass.
fn empty(folder: BorrowedFd<'_>, top: BorrowedFd<'_>, depth: usize, moved: &mut usize) -> io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let mut folder_likely = entry.file_type() == FileType::Directory;
        if !folder_likely {
            match writable(folder, || unlinkat(folder, name, AtFlags::empty())) {
                Ok(()) | Err(Errno::NOENT) => (),
                Err(Errno::ISDIR | Errno::PERM) => folder_likely = true,
                Err(errno) => return Err(errno.into()),
            }
        }
        if !folder_likely {
            continue;
        }
        if depth < DEEPEST {
            let child = open_folder(folder, name)?;
            empty(child.as_fd(), top, depth + 1, moved)?;
            drop(child);
            writable(folder, || unlinkat(folder, name, AtFlags::REMOVEDIR))?;
        } else {
            // Held open so that it can be made writable: moving a folder rewrites its `..`.
            let child = open_folder(folder, name)?;
            loop {
                let up = format!(".varve-deep-{moved}");
                *moved += 1;
                let move_up = || writable(top, || renameat_new(folder, name, top, &up));
                match writable(folder, || writable(child.as_fd(), move_up)) {
                    Ok(()) => break,
                    Err(Errno::EXIST) => (),
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
    }
    Ok(())
}

fn renameat_new(from: BorrowedFd<'_>, name: &std::ffi::CStr, to: BorrowedFd<'_>, new: &str) -> rustix::io::Result<()> {
    match rustix::fs::renameat_with(from, name, to, new, rustix::fs::RenameFlags::NOREPLACE) {
        // Not every file system knows the flag; a rename onto a filled folder fails by itself.
        Err(Errno::INVAL | Errno::NOSYS) => renameat(from, name, to, new),
        other => other,
    }
}

fn open_folder(parent: BorrowedFd<'_>, name: &std::ffi::CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            chmodat(parent, name, Mode::from(0o700), AtFlags::empty())?;
            Ok(openat(parent, name, flags, Mode::empty())?)
        }
        other => Ok(other?),
    }
}

/// Tries; makes the folder writable and tries again when it is not.
fn writable(folder: BorrowedFd<'_>, mut deed: impl FnMut() -> rustix::io::Result<()>) -> rustix::io::Result<()> {
    match deed() {
        Err(Errno::ACCESS) => {
            fchmod(folder, Mode::from(0o700))?;
            deed()
        }
        other => other,
    }
}
