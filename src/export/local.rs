//! Writes the image's files into a directory of the user's.

use super::ExportError;
use super::destination::{Sink, create_beside};
use super::layers::Packer;
use super::tree::{Tree, timespec};
use crate::layer::{Entry, Kind};
use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, Timestamps, Uid, XattrFlags, chmodat, chownat, fchmod, fchown,
    fsetxattr, futimens, linkat, makedev, mkdirat, mknodat, openat, renameat, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Writes all files below `path`, which is made when missing.
///
/// What is there already stays, unless the image has something of the same name: files are replaced as a whole, and
/// links in the directory are replaced and never followed. Owners are set when `ownership` is. Gives the paths of
/// devices that this user may not make and that were left out.
pub(super) fn write(
    packer: &Packer<'_>,
    tree: &Tree,
    path: &Path,
    ownership: bool,
) -> Result<Vec<PathBuf>, ExportError> {
    std::fs::create_dir_all(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => ExportError::NotADirectory(path.to_owned()),
        _ => ExportError::io("create the folder", path)(error),
    })?;
    // The destination itself may be reached by a link: the user named it.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(rustix::fs::CWD, path, flags, Mode::empty()).map_err(ExportError::io("open", path))?;
    let mut writer = Writer {
        packer,
        tree,
        path,
        ownership,
        root,
        open: Vec::new(),
        skipped: Vec::new(),
    };
    for entry in tree.entries() {
        if (packer.cancelled)() {
            return Err(ExportError::Cancelled);
        }
        writer.put(entry)?;
    }
    while let Some(folder) = writer.open.pop() {
        writer.close(folder)?;
    }
    Ok(writer.skipped)
}

struct Writer<'a> {
    packer: &'a Packer<'a>,
    tree: &'a Tree,
    path: &'a Path,
    ownership: bool,
    root: OwnedFd,
    /// The folders from the root to the place where the walk is; they get their times when it leaves them.
    open: Vec<Open<'a>>,
    skipped: Vec<PathBuf>,
}

struct Open<'a> {
    fd: OwnedFd,
    entry: &'a Entry,
}

impl<'a> Writer<'a> {
    fn put(&mut self, entry: &'a Entry) -> Result<(), ExportError> {
        let path = &entry.path[..];
        let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&[][..], path),
        };
        while self.open.last().is_some_and(|folder| &folder.entry.path[..] != above) {
            if let Some(folder) = self.open.pop() {
                self.close(folder)?;
            }
        }
        let name = OsStr::from_bytes(name);
        let put = self.put_in(entry, &entry.kind, name);
        put.map_err(|error| match error {
            Failure::Io(source) if (self.packer.cancelled)() => {
                drop(source);
                ExportError::Cancelled
            }
            Failure::Io(source) => ExportError::io("write", self.at(entry))(source),
            Failure::Source(source) => ExportError::io("read from the store for", self.at(entry))(source),
        })
    }

    fn put_in(&mut self, entry: &'a Entry, kind: &Kind, name: &OsStr) -> Result<(), Failure> {
        let parent = self.open.last().map_or(self.root.as_fd(), |folder| folder.fd.as_fd());
        match kind {
            Kind::Directory { .. } => {
                let fd = folder(parent, name)?;
                self.open.push(Open { fd, entry });
            }
            Kind::File { size, .. } => {
                let from = self.tree.open(entry).map_err(Failure::Source)?;
                let (mut file, now) = create_beside(parent, name)?;
                let written = Sink::File(&mut file)
                    .copy(&from, 0, *size, self.packer.cancelled)
                    .and_then(|()| dress(file.as_fd(), entry, self.ownership))
                    .and_then(|()| take_place(parent, &now, name));
                if let Err(error) = written {
                    let _ = unlinkat(parent, &now, AtFlags::empty());
                    return Err(error.into());
                }
            }
            Kind::HardLink { target } => {
                let now = temporary(name);
                let first = &self.tree.file_of(entry).kind;
                match self.link(target, parent, &now) {
                    Ok(()) => settle(parent, &now, name)?,
                    // What is no file is as good alone: its first name may have been left out, and some file systems
                    // give second names to files only.
                    Err(_) if !matches!(first, Kind::File { .. } | Kind::HardLink { .. }) => {
                        self.put_in(entry, first, name)?
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            Kind::Symlink { target } => {
                let now = temporary(name);
                symlinkat(OsStr::from_bytes(target), parent, &now)?;
                if self.ownership {
                    let (uid, gid) = owner(entry);
                    chownat(parent, &now, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
                }
                // A file system without times of links is no reason to fail.
                let _ = utimensat(parent, &now, &times(entry), AtFlags::SYMLINK_NOFOLLOW);
                settle(parent, &now, name)?;
            }
            Kind::Character { major, minor } => {
                self.special(entry, name, FileType::CharacterDevice, makedev(*major, *minor))?;
            }
            Kind::Block { major, minor } => {
                self.special(entry, name, FileType::BlockDevice, makedev(*major, *minor))?;
            }
            Kind::Fifo => self.special(entry, name, FileType::Fifo, 0)?,
            // A view of all layers shows none.
            Kind::Whiteout => (),
        }
        Ok(())
    }

    fn special(&mut self, entry: &Entry, name: &OsStr, kind: FileType, device: u64) -> Result<(), Failure> {
        let parent = self.open.last().map_or(self.root.as_fd(), |folder| folder.fd.as_fd());
        let now = temporary(name);
        match mknodat(parent, &now, kind, Mode::from(0o600), device) {
            Ok(()) => (),
            Err(Errno::PERM | Errno::ACCESS) if kind != FileType::Fifo => {
                self.skipped.push(PathBuf::from(OsStr::from_bytes(&entry.path)));
                return Ok(());
            }
            Err(errno) => return Err(errno.into()),
        }
        // The name is our own and fresh, so nothing is followed here.
        let dressed = || -> rustix::io::Result<()> {
            if self.ownership {
                let (uid, gid) = owner(entry);
                chownat(parent, &now, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
            }
            chmodat(parent, &now, Mode::from(u32::from(entry.mode)), AtFlags::empty())?;
            utimensat(parent, &now, &times(entry), AtFlags::SYMLINK_NOFOLLOW)
        };
        if let Err(errno) = dressed() {
            let _ = unlinkat(parent, &now, AtFlags::empty());
            return Err(errno.into());
        }
        Ok(settle(parent, &now, name)?)
    }

    /// Makes another name of a file that was written before, found by the folders on its path.
    fn link(&self, target: &[u8], parent: BorrowedFd<'_>, now: &OsStr) -> io::Result<()> {
        let mut names = target.split(|byte| *byte == b'/').map(OsStr::from_bytes).peekable();
        let mut folder = self.root.try_clone()?;
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                return Ok(linkat(&folder, name, parent, now, AtFlags::empty())?);
            }
            // As a path only: the folder may already be closed to reading.
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            folder = openat(&folder, name, flags, Mode::empty())?;
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// A folder gets its mode and times when nothing more is written into it.
    fn close(&self, folder: Open<'_>) -> Result<(), ExportError> {
        dress(folder.fd.as_fd(), folder.entry, self.ownership)
            .map_err(ExportError::io("set the attributes of", self.at(folder.entry)))
    }

    fn at(&self, entry: &Entry) -> PathBuf {
        self.path.join(OsStr::from_bytes(&entry.path))
    }
}

enum Failure {
    Io(io::Error),
    Source(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// Opens a folder, in place of whatever else has its name.
fn folder(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    loop {
        match mkdirat(parent, name, Mode::from(0o700)) {
            Ok(()) | Err(Errno::EXIST) => (),
            Err(errno) => return Err(errno.into()),
        }
        match openat(parent, name, FOLDER, Mode::empty()) {
            Ok(folder) => return Ok(folder),
            // A file or a link: the latter is not followed, even if it leads to a folder.
            Err(Errno::NOTDIR | Errno::LOOP) => unlinkat(parent, name, AtFlags::empty())?,
            Err(Errno::ACCESS) => {
                chmodat(parent, name, Mode::from(0o700), AtFlags::SYMLINK_NOFOLLOW)?;
                return Ok(openat(parent, name, FOLDER, Mode::empty())?);
            }
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Gives what is finished its name, or removes it.
fn settle(parent: BorrowedFd<'_>, now: &OsStr, name: &OsStr) -> io::Result<()> {
    let placed = take_place(parent, now, name);
    if placed.is_err() {
        let _ = unlinkat(parent, now, AtFlags::empty());
    }
    // Two names of one file: then `rename` does nothing and leaves both.
    let _ = unlinkat(parent, now, AtFlags::empty());
    placed
}

/// Renames over whatever is there, a folder with all its content included.
fn take_place(parent: BorrowedFd<'_>, now: &OsStr, name: &OsStr) -> io::Result<()> {
    match renameat(parent, now, parent, name) {
        Err(Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => {
            remove(parent, name)?;
            Ok(renameat(parent, now, parent, name)?)
        }
        other => Ok(other?),
    }
}

/// Removes a folder of the user's that a file takes the place of. Follows no link.
fn remove(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<()> {
    let mut open = vec![(openat(parent, name, FOLDER, Mode::empty())?, name.to_owned())];
    while let Some((folder, _)) = open.last() {
        let mut below = None;
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let child = entry.file_name();
            if matches!(child.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = statat(folder, child, AtFlags::SYMLINK_NOFOLLOW)?.st_mode;
            if FileType::from_raw_mode(kind) == FileType::Directory {
                below = Some(child.to_owned());
                break;
            }
            unlinkat(folder, child, AtFlags::empty())?;
        }
        match below {
            Some(child) => {
                let fd = openat(folder, &child, FOLDER, Mode::empty())?;
                open.push((fd, OsString::from_vec(child.into_bytes())));
            }
            None => {
                if let Some((_, name)) = open.pop() {
                    let above = open.last().map_or(parent, |(folder, _)| folder.as_fd());
                    unlinkat(above, &name, AtFlags::REMOVEDIR)?;
                }
            }
        }
    }
    Ok(())
}

/// Sets owner, extended attributes, mode and times of what is open.
fn dress(file: BorrowedFd<'_>, entry: &Entry, ownership: bool) -> io::Result<()> {
    if ownership {
        let (uid, gid) = owner(entry);
        fchown(file, uid, gid)?;
    }
    for (name, value) in &entry.xattrs {
        let Ok(name) = CString::new(&name[..]) else { continue };
        // What this user or file system does not have is no reason to fail.
        let _ = fsetxattr(file, &name, value, XattrFlags::empty());
    }
    fchmod(file, Mode::from(u32::from(entry.mode)))?;
    Ok(futimens(file, &times(entry))?)
}

fn owner(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
}

fn times(entry: &Entry) -> Timestamps {
    Timestamps {
        last_access: timespec(entry.mtime),
        last_modification: timespec(entry.mtime),
    }
}

fn temporary(name: &OsStr) -> OsString {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let mut now = OsString::from(".");
    if name.len() <= 200 {
        now.push(name);
    }
    now.push(format!(".varve-{:016x}", RandomState::new().build_hasher().finish()));
    now
}
