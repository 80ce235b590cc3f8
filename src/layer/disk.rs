//! Files and directories below a held directory; no function here follows a symbolic link.

use super::entry::Xattrs;
use super::host::OverlayXattrs;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Longest path given to one system call; the kernel's limit is 4096 with the final zero.
const CALL_PATH: usize = 4000;

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a directory below another, the empty path being that one itself.
///
/// `flags` says for what, such as `O_RDONLY` or `O_PATH`. A symbolic link on the way is `ELOOP` or `ENOTDIR`.
pub(super) fn open_directory(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    open_beneath(root, if path.is_empty() { b"." } else { path }, flags | DIRECTORY)
}

/// Opens what is at a path below a directory.
pub(super) fn open_beneath(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut held: Option<OwnedFd> = None;
    let mut path = path;
    loop {
        let at = held.as_ref().map_or(root, |fd| fd.as_fd());
        if path.len() <= CALL_PATH {
            return open_call(at, path, flags);
        }
        // Every component is far shorter than the piece, except in hostile names, which the kernel then refuses.
        let end = path[..CALL_PATH]
            .iter()
            .rposition(|byte| *byte == b'/')
            .ok_or(Errno::NAMETOOLONG)?;
        held = Some(open_call(at, &path[..end], OFlags::PATH | DIRECTORY)?);
        path = &path[end + 1..];
    }
}

fn open_call(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    if !path.contains(&b'/') {
        return rustix::fs::openat(at, path, flags, Mode::empty());
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(at, path, flags, Mode::empty(), resolve) {
        // Kernels before 5.6, and filters that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open_by_steps(at, path, flags),
        other => other,
    }
}

fn open_by_steps(at: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut held: Option<OwnedFd> = None;
    let mut names = path.split(|byte| *byte == b'/').peekable();
    while let Some(name) = names.next() {
        let at = held.as_ref().map_or(at, |fd| fd.as_fd());
        let flags = if names.peek().is_some() {
            OFlags::PATH | DIRECTORY
        } else {
            flags
        };
        held = Some(rustix::fs::openat(at, name, flags, Mode::empty())?);
    }
    held.ok_or(Errno::NOENT)
}

/// Calls `each` with every name in an open directory but `.` and `..`, in the disk's order.
pub(super) fn for_each_name<E: From<Errno>>(
    directory: BorrowedFd<'_>,
    mut each: impl FnMut(&[u8], FileType) -> Result<(), E>,
) -> Result<(), E> {
    let mut buffer = Vec::with_capacity(32 << 10);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            each(name, entry.file_type())?;
        }
    }
    Ok(())
}

/// Removes what has a name in a directory, with everything below it; nothing is left and nothing missing is fine.
///
/// Holds two descriptors at any depth.
pub fn remove_tree(directory: BorrowedFd<'_>, name: &[u8]) -> std::io::Result<()> {
    Ok(remove(directory, name)?)
}

pub(super) fn remove(directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    match rustix::fs::unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => (),
        Err(error) => return Err(error),
    }
    let mut current = open_emptied(directory, name)?;
    let mut names: Vec<Vec<u8>> = vec![name.to_vec()];
    while let Some(last) = names.last() {
        match empty(current.as_fd())? {
            Some(child) => {
                current = open_emptied(current.as_fd(), &child)?;
                names.push(child);
            }
            None if names.len() == 1 => {
                rustix::fs::unlinkat(directory, &last[..], AtFlags::REMOVEDIR)?;
                names.pop();
            }
            None => {
                let above = rustix::fs::openat(&current, "..", OFlags::RDONLY | DIRECTORY, Mode::empty())?;
                rustix::fs::unlinkat(&above, &last[..], AtFlags::REMOVEDIR)?;
                current = above;
                names.pop();
            }
        }
    }
    Ok(())
}

/// Opens a directory whose entries are to be removed, which its mode must not prevent.
fn open_emptied(directory: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let open = || rustix::fs::openat(directory, name, OFlags::RDONLY | DIRECTORY, Mode::empty());
    let opened = match open() {
        Err(Errno::ACCESS) => {
            let path = rustix::fs::openat(directory, name, OFlags::PATH | DIRECTORY, Mode::empty())?;
            rustix::fs::chmod(own_path(path.as_fd()), Mode::RWXU)?;
            open()?
        }
        other => other?,
    };
    // As root this changes nothing; as owner of a directory without write permission it is needed.
    if rustix::fs::fstat(&opened)?.st_mode & 0o700 != 0o700 {
        let _ = rustix::fs::fchmod(&opened, Mode::RWXU);
    }
    Ok(opened)
}

/// Removes the entries of a directory until one is a directory that is not empty, and names that.
fn empty(directory: BorrowedFd<'_>) -> Result<Option<Vec<u8>>, Errno> {
    // After earlier removals the position in the directory may be anywhere.
    rustix::fs::seek(directory, rustix::fs::SeekFrom::Start(0))?;
    enum Stop {
        At(Vec<u8>),
        Failed(Errno),
    }
    impl From<Errno> for Stop {
        fn from(errno: Errno) -> Self {
            Self::Failed(errno)
        }
    }
    let swept = for_each_name(directory, |name, kind| {
        let flags = if kind == FileType::Directory {
            AtFlags::REMOVEDIR
        } else {
            AtFlags::empty()
        };
        match rustix::fs::unlinkat(directory, name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::ISDIR) => Err(Stop::At(name.to_vec())),
            // An unknown type, or a directory that we may not look into yet.
            Err(Errno::PERM | Errno::ACCESS) if kind != FileType::RegularFile => Err(Stop::At(name.to_vec())),
            Err(error) => Err(Stop::Failed(error)),
        }
    });
    match swept {
        Ok(()) => Ok(None),
        Err(Stop::At(name)) => Ok(Some(name)),
        Err(Stop::Failed(errno)) => Err(errno),
    }
}

/// A path to what a descriptor holds, for calls that take no descriptor.
pub(super) fn own_path(fd: BorrowedFd<'_>) -> String {
    use std::os::fd::AsRawFd as _;
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// What the extended attributes of a file or directory say.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// Those that travel in layers, sorted.
    pub(super) travelling: Xattrs,
    /// overlayfs' own, without the prefix.
    pub(super) overlay: Xattrs,
}

/// Reads the extended attributes of an open file or directory.
pub(super) fn attributes(fd: BorrowedFd<'_>, overlay: OverlayXattrs) -> Result<Attributes, Errno> {
    read_attributes(
        overlay,
        |names| rustix::fs::flistxattr(fd, names),
        |name, value| rustix::fs::fgetxattr(fd, name, value),
    )
}

/// Reads the extended attributes of what has a name in a directory and cannot be opened; a link is not followed.
pub(super) fn attributes_at(
    directory: BorrowedFd<'_>,
    name: &[u8],
    overlay: OverlayXattrs,
) -> Result<Attributes, Errno> {
    let path = [own_path(directory).as_bytes(), b"/", name].concat();
    read_attributes(
        overlay,
        |names| rustix::fs::llistxattr(&path[..], names),
        |name, value| rustix::fs::lgetxattr(&path[..], name, value),
    )
}

fn read_attributes(
    overlay: OverlayXattrs,
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
) -> Result<Attributes, Errno> {
    let mut found = Attributes::default();
    let mut names = [0; 512];
    let names = match list(&mut names[..]) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(found),
        Ok(length) => names[..length].to_vec(),
        Err(Errno::RANGE) => {
            let mut names = vec![0; 64 << 10];
            let length = list(&mut names[..])?;
            names.truncate(length);
            names
        }
        Err(error) => return Err(error),
    };
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if let Some(own) = name.strip_prefix(overlay.prefix()) {
            found.overlay.push((own.into(), value(|buffer| get(name, buffer))?));
        } else if travels(name) {
            found.travelling.push((name.into(), value(|buffer| get(name, buffer))?));
        }
    }
    found.travelling.sort();
    Ok(found)
}

/// Whether an extended attribute is part of a layer.
///
/// As in BuildKit's content hash: of `security` only file capabilities (labels belong to the host), nothing of
/// `system` (access lists name the host's ids). overlayfs' marks never travel, in neither name space.
pub(super) fn travels(name: &[u8]) -> bool {
    let own = |space: OverlayXattrs| name.starts_with(space.prefix());
    let security = name.starts_with(b"security.") && name != b"security.capability";
    !security && !name.starts_with(b"system.") && !own(OverlayXattrs::Trusted) && !own(OverlayXattrs::User)
}

fn value(get: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Box<[u8]>, Errno> {
    let mut small = [0; 256];
    match get(&mut small[..]) {
        Ok(length) => Ok(small[..length].into()),
        Err(Errno::RANGE) => {
            // The kernel's XATTR_SIZE_MAX.
            let mut large = vec![0; 64 << 10];
            let length = get(&mut large[..])?;
            large.truncate(length);
            Ok(large.into())
        }
        // Removed since it was listed.
        Err(Errno::NODATA) => Ok(Box::default()),
        Err(error) => Err(error),
    }
}
