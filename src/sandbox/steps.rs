//! The child's work on its root: what is mounted over it. See [`perform`](super::perform) for the rules.

use super::mounts::Flags;
use super::places::{file_type, make_file, make_target, open_existing};
use super::program::{Step, Target};
use super::report::{Fixed, Report, Stage};
use super::root::mount_at;
use super::sys;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags};
use std::ffi::CStr;

/// Performs operations, and keeps what several of them need.
pub(super) struct Steps<'a> {
    pub(super) root: BorrowedFd<'a>,
    /// Memory that holds files, attached outside of the root.
    pub(super) files: Option<OwnedFd>,
    /// An empty directory that hides others.
    pub(super) empty: Option<OwnedFd>,
    pub(super) report: BorrowedFd<'a>,
    pub(super) tty_group: bool,
}

impl Steps<'_> {
    /// Performs one operation.
    pub(super) fn perform(&mut self, step: &Step) -> Result<(), Errno> {
        match step {
            Step::Directory { target } => make_target(self.root, target).map(drop),
            Step::Bind {
                source,
                target,
                flags,
                recursive,
            } => {
                let tree = clone_tree(CWD, source, *recursive)?;
                sys::add_mount_attributes(tree.as_fd(), flags.bits(), *recursive)?;
                self.attach(&tree, target)
            }
            Step::Part {
                root,
                mount_point,
                source,
                target,
                flags,
            } => {
                drop(mount_at(root, mount_point, self.report)?);
                let tree = clone_tree(CWD, source, false)?;
                sys::add_mount_attributes(tree.as_fd(), flags.bits(), false)?;
                self.attach(&tree, target)
            }
            Step::Tmpfs {
                target,
                size,
                mode,
                flags,
            } => {
                let tree = tmpfs(size.as_deref(), mode, *flags)?;
                self.attach(&tree, target)
            }
            Step::Proc { target } => {
                let tree = match simple(c"proc", Flags::NOSUID | Flags::NODEV | Flags::NOEXEC) {
                    // A new one is refused where the machine's own has parts covered, as in most containers:
                    // it would uncover them. The machine's shows more processes, but none can be touched.
                    Err(errno @ (Errno::PERM | Errno::ACCESS)) => {
                        Report::new(Stage::Fixed(Fixed::HostProc), errno).send(self.report);
                        clone_tree(CWD, c"/proc", true)?
                    }
                    other => other?,
                };
                self.attach(&tree, target)
            }
            Step::Sysfs { target, flags } => {
                let tree = match simple(c"sysfs", *flags) {
                    // A new one is refused unless the network namespace is ours too.
                    Err(errno @ (Errno::PERM | Errno::ACCESS)) => {
                        Report::new(Stage::Fixed(Fixed::HostSys), errno).send(self.report);
                        let tree = clone_tree(CWD, c"/sys", true)?;
                        sys::add_mount_attributes(tree.as_fd(), flags.bits(), true)?;
                        tree
                    }
                    other => other?,
                };
                self.attach(&tree, target)
            }
            // A convenience for programs that look for their limits; many machines cannot offer it.
            Step::Cgroup { target, flags } => match simple(c"cgroup2", *flags) {
                Ok(tree) => match self.attach(&tree, target) {
                    Err(Errno::NOENT | Errno::PERM | Errno::ACCESS | Errno::ROFS) => Ok(()),
                    other => other,
                },
                Err(_) => Ok(()),
            },
            Step::Devices {
                target,
                shm_size,
                console,
                flags,
            } => self.devices(target, shm_size, *console, *flags),
            Step::Mask { target } => self.mask(target),
            Step::ReadOnly { target } => {
                let Some(place) = open_existing(self.root, target)? else {
                    return Ok(());
                };
                let tree = clone_of(place.as_fd(), true)?;
                sys::add_mount_attributes(tree.as_fd(), Flags::READ_ONLY.bits(), true)?;
                attach_to(&tree, &place)
            }
            Step::File {
                target,
                name,
                contents,
                mode,
                uid,
                gid,
                flags,
            } => {
                let files = self.files.as_ref().ok_or(Errno::BADF)?;
                let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                let file = rustix::fs::openat(files, name, create, Mode::RUSR | Mode::WUSR)?;
                write_all(file.as_fd(), contents)?;
                rustix::fs::fchown(&file, Some(Uid::from_raw(*uid)), Some(Gid::from_raw(*gid)))?;
                rustix::fs::fchmod(&file, Mode::from_raw_mode(*mode & 0o7777))?;
                drop(file);
                let tree = clone_tree(files.as_fd(), name, false)?;
                sys::add_mount_attributes(tree.as_fd(), flags.bits(), false)?;
                self.attach(&tree, target)
            }
        }
    }

    fn attach(&self, tree: &OwnedFd, target: &Target) -> Result<(), Errno> {
        attach_to(tree, &make_target(self.root, target)?)
    }

    fn devices(&self, target: &Target, shm_size: &CStr, console: bool, flags: Flags) -> Result<(), Errno> {
        let dev = tmpfs(Some(c"65536k"), c"755", flags)?;
        self.attach(&dev, target)?;
        // Nodes of the machine instead of new ones: mknod(2) is refused in a user namespace, and in a
        // `nodev` directory only a mount that is not `nodev` itself can be opened.
        for (name, source) in DEVICES {
            make_file(&dev, name)?;
            let node = clone_tree(CWD, source, false)?;
            rustix::mount::move_mount(&node, c"", &dev, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        }
        for (name, target) in DEVICE_LINKS {
            rustix::fs::symlinkat(target, &dev, name)?;
        }
        let quiet = Flags::NOSUID | Flags::NOEXEC;
        let pts = mount_in(&dev, c"pts", || {
            let context = rustix::mount::fsopen(c"devpts", FsOpenFlags::FSOPEN_CLOEXEC)?;
            rustix::mount::fsconfig_set_string(&context, c"ptmxmode", c"0666")?;
            rustix::mount::fsconfig_set_string(&context, c"mode", c"0620")?;
            if self.tty_group {
                rustix::mount::fsconfig_set_string(&context, c"gid", c"5")?;
            }
            create(&context, quiet)
        });
        pts?;
        mount_in(&dev, c"shm", || tmpfs(Some(shm_size), c"1777", quiet | Flags::NODEV))?;
        // A kernel may be built without message queues.
        match mount_in(&dev, c"mqueue", || simple(c"mqueue", quiet | Flags::NODEV)) {
            Ok(()) | Err(Errno::NODEV | Errno::PERM) => (),
            Err(errno) => return Err(errno),
        }
        if console {
            make_file(&dev, c"console")?;
        }
        Ok(())
    }

    fn mask(&mut self, target: &Target) -> Result<(), Errno> {
        let Some(place) = open_existing(self.root, target)? else {
            return Ok(());
        };
        if file_type(place.as_fd())? != FileType::Directory {
            let null = clone_tree(CWD, c"/dev/null", false)?;
            return attach_to(&null, &place);
        }
        let tree = match &self.empty {
            // Super blocks are expensive; one empty directory serves all.
            Some(empty) => clone_of(empty.as_fd(), false)?,
            None => tmpfs(
                Some(c"0"),
                c"755",
                Flags::READ_ONLY | Flags::NODEV | Flags::NOSUID | Flags::NOEXEC,
            )?,
        };
        attach_to(&tree, &place)?;
        self.empty.get_or_insert(tree);
        Ok(())
    }
}

const DEVICES: [(&CStr, &CStr); 6] = [
    (c"null", c"/dev/null"),
    (c"zero", c"/dev/zero"),
    (c"full", c"/dev/full"),
    (c"random", c"/dev/random"),
    (c"urandom", c"/dev/urandom"),
    (c"tty", c"/dev/tty"),
];

const DEVICE_LINKS: [(&CStr, &CStr); 6] = [
    (c"fd", c"/proc/self/fd"),
    (c"stdin", c"/proc/self/fd/0"),
    (c"stdout", c"/proc/self/fd/1"),
    (c"stderr", c"/proc/self/fd/2"),
    (c"core", c"/proc/kcore"),
    (c"ptmx", c"pts/ptmx"),
];

/// Attaches memory for files outside of the root.
pub(super) fn mount_files(mount_point: &CStr) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&context, c"mode", c"700")?;
    // Secrets should not reach a disk by way of swap; only Linux 6.4 and real root can say so.
    let _ = rustix::mount::fsconfig_set_flag(&context, c"noswap");
    let tree = create(&context, Flags::NOSUID | Flags::NODEV)?;
    // A file can be mounted elsewhere only when the memory itself is attached somewhere.
    rustix::mount::move_mount(&tree, c"", CWD, mount_point, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(tree)
}

fn mount_in(parent: &OwnedFd, name: &CStr, make: impl FnOnce() -> Result<OwnedFd, Errno>) -> Result<(), Errno> {
    rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755))?;
    let tree = make()?;
    rustix::mount::move_mount(&tree, c"", parent, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

fn tmpfs(size: Option<&CStr>, mode: &CStr, flags: Flags) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    if let Some(size) = size {
        rustix::mount::fsconfig_set_string(&context, c"size", size)?;
    }
    rustix::mount::fsconfig_set_string(&context, c"mode", mode)?;
    create(&context, flags)
}

fn simple(kind: &CStr, flags: Flags) -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    create(&context, flags)
}

fn create(context: &OwnedFd, flags: Flags) -> Result<OwnedFd, Errno> {
    rustix::mount::fsconfig_create(context)?;
    rustix::mount::fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, attributes(flags))
}

pub(super) fn attributes(flags: Flags) -> MountAttrFlags {
    MountAttrFlags::from_bits_retain(flags.bits())
}

pub(super) fn clone_tree(directory: BorrowedFd<'_>, path: &CStr, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    rustix::mount::open_tree(directory, path, flags)
}

pub(super) fn clone_of(place: BorrowedFd<'_>, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    rustix::mount::open_tree(place, c"", flags)
}

pub(super) fn attach_to(tree: &OwnedFd, place: &OwnedFd) -> Result<(), Errno> {
    let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(tree, c"", place, c"", empty)
}

fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => (),
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
