//! The child's first work: the root file system, and making it `/`. See [`perform`](super::perform) for the rules.

use super::mounts::Flags;
use super::perform::{Done, at};
use super::program::{Program, RootStep};
use super::report::{Fixed, Report};
use super::steps::{attributes, clone_tree};
use super::sys;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MoveMountFlags, UnmountFlags};
use std::ffi::{CStr, CString};

/// Mounts the root where only the child sees it.
pub(super) fn mount_root(program: &Program) -> Done<OwnedFd> {
    let report = sys::inherited(program.report);
    mount_at(&program.root, &program.mount_point, report).map_err(at(Fixed::Root))
}

/// Mounts a directory or an overlay at a place outside of the root; tells the reports' reader what the kernel says.
pub(super) fn mount_at(root: &RootStep, mount_point: &CStr, report: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let mount = match root {
        RootStep::Directory { source, flags } => {
            let tree = clone_tree(CWD, source, false)?;
            sys::add_mount_attributes(tree.as_fd(), flags.bits(), false)?;
            tree
        }
        RootStep::Overlay {
            lowers,
            upper,
            userxattr,
            flags,
        } => {
            let context = rustix::mount::fsopen(c"overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
            let upper = upper.as_ref().map(|(upper, work)| (upper.as_c_str(), work.as_c_str()));
            match configure_overlay(context.as_fd(), lowers, upper, *userxattr) {
                Ok(()) => rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes(*flags))?,
                // Linux before 6.8 knows no `lowerdir+`.
                Err((Errno::INVAL, true)) => {
                    legacy_overlay(mount_point, lowers, upper, *userxattr, *flags)?;
                    return open_directory(mount_point);
                }
                Err((errno, _)) => {
                    Report::send_log_of(context.as_fd(), report);
                    return Err(errno);
                }
            }
        }
    };
    let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    rustix::mount::move_mount(&mount, c"", CWD, mount_point, empty)?;
    Ok(mount)
}

/// Sets everything that overlayfs is told; the error says whether the first directory was already refused.
fn configure_overlay(
    context: BorrowedFd<'_>,
    lowers: &[CString],
    upper: Option<(&CStr, &CStr)>,
    userxattr: bool,
) -> Result<(), (Errno, bool)> {
    let later = |errno| (errno, false);
    rustix::mount::fsconfig_set_string(context, c"source", c"overlay").map_err(later)?;
    for (index, lower) in lowers.iter().enumerate() {
        set_path(context, c"lowerdir+", lower).map_err(|errno| (errno, index == 0))?;
    }
    if let Some((upper, work)) = upper {
        set_path(context, c"upperdir", upper).map_err(later)?;
        set_path(context, c"workdir", work).map_err(later)?;
        // The upper directory is ours to sync; without this the kernel syncs its whole file system at the end.
        rustix::mount::fsconfig_set_flag(context, c"volatile").map_err(later)?;
    }
    if userxattr {
        rustix::mount::fsconfig_set_flag(context, c"userxattr").map_err(later)?;
    } else {
        // The defaults are chosen by whoever built the kernel. These three would write what no layer can carry.
        for option in OVERLAY_OPTIONS {
            rustix::mount::fsconfig_set_string(context, option.0, option.1).map_err(later)?;
        }
    }
    rustix::mount::fsconfig_create(context).map_err(later)
}

const OVERLAY_OPTIONS: [(&CStr, &CStr); 3] = [
    (c"redirect_dir", c"nofollow"),
    (c"metacopy", c"off"),
    (c"index", c"off"),
];

/// Names a directory to overlayfs, whatever its path holds.
///
/// A parameter has at most 255 bytes, and overlayfs reads backslashes, colons and commas in some of them:
/// such a directory is named by a descriptor. The kernel holds the directory from here on.
fn set_path(context: BorrowedFd<'_>, key: &CStr, path: &CStr) -> Result<(), Errno> {
    let bytes = path.to_bytes();
    if bytes.len() < 256 && !bytes.iter().any(|byte| matches!(byte, b'\\' | b':' | b',')) {
        return rustix::mount::fsconfig_set_string(context, key, path);
    }
    let directory = open_directory(path)?;
    let mut buffer = [0; FD_PATH];
    let length = descriptor_path(&mut buffer, &directory);
    let name = buffer.get(..=length).and_then(|it| CStr::from_bytes_with_nul(it).ok());
    rustix::mount::fsconfig_set_string(context, key, name.ok_or(Errno::NAMETOOLONG)?)
}

/// mount(2) for older kernels. Its options have one page: descriptors keep each directory short.
fn legacy_overlay(
    mount_point: &CStr,
    lowers: &[CString],
    upper: Option<(&CStr, &CStr)>,
    userxattr: bool,
    flags: Flags,
) -> Result<(), Errno> {
    let mut options = Text::new();
    options.push(if userxattr {
        b"userxattr"
    } else {
        b"redirect_dir=nofollow,metacopy=off,index=off"
    });
    // The descriptors stay open until exec: the kernel reads their paths only in mount(2).
    for (index, lower) in lowers.iter().enumerate() {
        options.push(if index == 0 { b",lowerdir=" } else { b":" });
        options.push_descriptor(open_directory(lower)?);
    }
    if let Some((upper, work)) = upper {
        options.push(b",volatile,upperdir=");
        options.push_descriptor(open_directory(upper)?);
        options.push(b",workdir=");
        options.push_descriptor(open_directory(work)?);
    }
    let options = options.finish()?;
    let mut mount_flags = rustix::mount::MountFlags::empty();
    if flags.contains(Flags::NODEV) {
        mount_flags |= rustix::mount::MountFlags::NODEV;
    }
    rustix::mount::mount(c"overlay", mount_point, c"overlay", mount_flags, options)
}

/// A page of text on the stack.
struct Text {
    bytes: [u8; 4096],
    length: usize,
}

impl Text {
    fn new() -> Self {
        Self {
            bytes: [0; 4096],
            length: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }

    fn push_descriptor(&mut self, descriptor: OwnedFd) {
        let mut buffer = [0; FD_PATH];
        let length = descriptor_path(&mut buffer, &descriptor);
        self.push(buffer.get(..length).unwrap_or_default());
        std::mem::forget(descriptor);
    }

    fn finish(&mut self) -> Result<&CStr, Errno> {
        self.push(b"\0");
        let text = self.bytes.get(..self.length).ok_or(Errno::TOOBIG)?;
        CStr::from_bytes_with_nul(text).map_err(|_| Errno::INVAL)
    }
}

const FD_PATH: usize = 32;

/// Writes `/proc/self/fd/N` and a zero byte; returns the length without it.
fn descriptor_path(buffer: &mut [u8; FD_PATH], descriptor: &OwnedFd) -> usize {
    let prefix = b"/proc/self/fd/";
    let mut digits = [0; 10];
    let mut left = descriptor.as_raw_fd().unsigned_abs();
    let mut first = digits.len();
    loop {
        first = first.saturating_sub(1);
        digits[first] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    let bytes = prefix.iter().chain(digits.iter().skip(first));
    let mut length = 0;
    for (to, from) in buffer.iter_mut().zip(bytes) {
        *to = *from;
        length += 1;
    }
    length
}

fn open_directory(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty())
}

/// Makes `root` the root directory of the process and leaves no way back.
pub(super) fn pivot(root: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::process::fchdir(root)?;
    // The old root is laid over the new one, so that no directory is needed to put it in; then it goes.
    rustix::process::pivot_root(c".", c".")?;
    rustix::mount::unmount(c".", UnmountFlags::DETACH)?;
    rustix::process::chdir(c"/")
}
