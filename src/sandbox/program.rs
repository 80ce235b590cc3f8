//! What the child does, prepared so that it need not allocate: every string, array and number is ready.

use super::command::{Command, Stdio, WindowSize};
use super::error::SandboxError;
use super::mounts::Flags;
use super::seccomp::{self, Seccomp};
use super::setup::{Network, Operation, Root, Setup};
use super::spawn::part_name;
use super::sys::{self, Pointers};
use libc::sock_filter;
use rustix::fd::{AsRawFd, OwnedFd, RawFd};
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

/// Everything that the child does, in this order.
#[derive(Debug)]
pub(super) struct Program {
    /// Descriptors to write 0 to, in order to join control groups.
    pub(super) groups_to_join: Vec<RawFd>,
    pub(super) root: RootStep,
    /// Where the root is attached in the machine's tree until it becomes `/`.
    pub(super) mount_point: CString,
    /// Where the memory that holds files is attached, if there are any.
    pub(super) files: Option<CString>,
    pub(super) steps: Vec<Step>,
    pub(super) hostname: Vec<u8>,
    pub(super) loopback: bool,
    pub(super) limits: Vec<(u32, u64, u64)>,
    pub(super) terminal: Option<WindowSize>,
    /// Numbers of the parent's descriptors for 0, 1 and 2; with a terminal they are not used.
    pub(super) stdio: [RawFd; 3],
    pub(super) cwd: Target,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// `None` where the kernel forbids to set groups.
    pub(super) groups: Option<Vec<rustix::fs::Gid>>,
    pub(super) capabilities: u64,
    /// What this process has, and can therefore give.
    pub(super) own_capabilities: u64,
    pub(super) filter: Option<Vec<sock_filter>>,
    pub(super) no_new_privileges: bool,
    pub(super) umask: u32,
    pub(super) argv: Pointers,
    pub(super) env: Pointers,
    /// Paths to try, in order.
    pub(super) candidates: Vec<CString>,
    /// Where failures are reported.
    pub(super) report: RawFd,
    /// Where the terminal's other end is sent.
    pub(super) socket: Option<RawFd>,
    /// The gid 5 of terminals exists here.
    pub(super) tty_group: bool,
}

/// A root file system.
#[derive(Debug)]
pub(super) enum RootStep {
    Overlay {
        /// Highest first.
        lowers: Vec<CString>,
        upper: Option<(CString, CString)>,
        userxattr: bool,
        flags: Flags,
    },
    Directory {
        source: CString,
        flags: Flags,
    },
}

/// An [`Operation`], lowered.
#[derive(Debug)]
pub(super) enum Step {
    Directory {
        target: Target,
    },
    Bind {
        source: CString,
        target: Target,
        flags: Flags,
        recursive: bool,
    },
    Part {
        root: RootStep,
        /// Where the overlay is attached outside of the root.
        mount_point: CString,
        /// The path below the mount point.
        source: CString,
        target: Target,
        flags: Flags,
    },
    Tmpfs {
        target: Target,
        size: Option<CString>,
        mode: CString,
        flags: Flags,
    },
    Proc {
        target: Target,
    },
    Sysfs {
        target: Target,
        flags: Flags,
    },
    Cgroup {
        target: Target,
        flags: Flags,
    },
    Devices {
        target: Target,
        shm_size: CString,
        console: bool,
        flags: Flags,
    },
    Mask {
        target: Target,
    },
    ReadOnly {
        target: Target,
    },
    File {
        target: Target,
        name: CString,
        contents: Vec<u8>,
        mode: u32,
        uid: u32,
        gid: u32,
        flags: Flags,
    },
}

/// A place inside the root, and how to make it where it is missing.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: CString,
    /// Each parent and the place itself, as path and last name.
    pub(super) prefixes: Vec<(CString, CString)>,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    /// Owner of what is made.
    pub(super) owner: (u32, u32),
}

/// What a place must be to be mounted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
}

/// The parent's descriptors that the child writes to.
#[derive(Debug)]
pub(super) struct Channels {
    pub(super) report: OwnedFd,
    pub(super) socket: Option<OwnedFd>,
    pub(super) null: OwnedFd,
}

impl Program {
    /// Prepares `command` in `setup`; `lowers` are the overlay's directories, highest first.
    pub(super) fn prepare(
        setup: &Setup,
        command: &Command,
        lowers: &[PathBuf],
        kinds: &[Kind],
        channels: &Channels,
        identity: &Ambient,
        groups_to_join: Vec<RawFd>,
    ) -> Result<Self, SandboxError> {
        let devices = matches!(&setup.root, Root::Overlay(overlay) if overlay.devices);
        let guard = if devices { Flags::NONE } else { Flags::NODEV };
        let mut steps = Vec::with_capacity(setup.operations.len());
        let mut files = false;
        for (index, (operation, kind)) in setup.operations.iter().zip(kinds).enumerate() {
            let step = lower(operation, *kind, index, guard, &setup.scratch)?;
            files |= matches!(step, Step::File { .. });
            steps.push(step);
        }
        if command.argv.is_empty() {
            return Err(SandboxError::Invalid {
                what: "the command has no program",
                value: String::new(),
            });
        }
        if command
            .argv
            .iter()
            .chain(&command.env)
            .any(|it| it.as_bytes().contains(&0))
        {
            return Err(SandboxError::Invalid {
                what: "an argument or variable holds a zero byte",
                value: String::new(),
            });
        }
        for id in [command.uid, command.gid]
            .into_iter()
            .chain(command.groups.iter().copied())
        {
            if id == u32::MAX {
                return Err(SandboxError::Invalid {
                    what: "not a user or group number",
                    value: id.to_string(),
                });
            }
        }
        let filter = match command.seccomp {
            Seccomp::Default => Some(seccomp::compile(command.capabilities)),
            Seccomp::Off => None,
        };
        let stdio =
            [(&command.stdin, 0), (&command.stdout, 1), (&command.stderr, 2)].map(|(stdio, number)| match stdio {
                Stdio::Null => channels.null.as_raw_fd(),
                Stdio::Inherit => sys::standard(number).as_raw_fd(),
                Stdio::Descriptor(descriptor) => descriptor.as_raw_fd(),
            });
        let mut cwd = Target::new(&command.cwd, Kind::Directory)?;
        cwd.owner = (command.uid, command.gid);
        Ok(Self {
            groups_to_join,
            root: lower_root(&setup.root, lowers, guard)?,
            mount_point: c_path(&setup.scratch.join("root"))?,
            files: files.then(|| c_path(&setup.scratch.join("files"))).transpose()?,
            steps,
            hostname: setup.hostname.clone().into_bytes(),
            loopback: setup.network == Network::None,
            limits: command
                .limits
                .iter()
                .map(|it| (it.resource.number(), it.soft, it.hard))
                .collect(),
            terminal: command.terminal,
            stdio,
            cwd,
            uid: command.uid,
            gid: command.gid,
            groups: identity.set_groups.then(|| {
                command
                    .groups
                    .iter()
                    .map(|gid| rustix::fs::Gid::from_raw(*gid))
                    .collect()
            }),
            capabilities: command.capabilities.bits(),
            own_capabilities: identity.capabilities,
            filter,
            no_new_privileges: command.no_new_privileges,
            umask: command.umask & 0o777,
            argv: Pointers::new(c_strings(&command.argv)?),
            env: Pointers::new(c_strings(&command.env)?),
            candidates: candidates(&command.argv[0], &command.env)?,
            report: channels.report.as_raw_fd(),
            socket: channels.socket.as_ref().map(AsRawFd::as_raw_fd),
            tty_group: identity.tty_group,
        })
    }
}

/// What this process can pass on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ambient {
    pub(super) capabilities: u64,
    pub(super) set_groups: bool,
    pub(super) tty_group: bool,
}

fn lower_root(root: &Root, lowers: &[PathBuf], guard: Flags) -> Result<RootStep, SandboxError> {
    Ok(match root {
        Root::Directory(path) => RootStep::Directory {
            source: c_path(path)?,
            flags: guard,
        },
        // overlayfs wants two directories where there is nothing to write to; one is a plain mount.
        Root::Overlay(overlay) if overlay.upper.is_none() && lowers.len() == 1 => RootStep::Directory {
            source: c_path(&lowers[0])?,
            flags: guard | Flags::READ_ONLY,
        },
        Root::Overlay(overlay) => RootStep::Overlay {
            lowers: lowers.iter().map(|it| c_path(it)).collect::<Result<_, _>>()?,
            upper: match &overlay.upper {
                Some(upper) => Some((c_path(&upper.directory)?, c_path(&upper.work)?)),
                None => None,
            },
            userxattr: overlay.userxattr,
            flags: guard,
        },
    })
}

fn lower(operation: &Operation, kind: Kind, index: usize, guard: Flags, scratch: &Path) -> Result<Step, SandboxError> {
    let target = || Target::new(operation.path(), kind);
    let read_only = |yes: bool| if yes { Flags::READ_ONLY } else { Flags::NONE };
    let system = Flags::NOSUID | Flags::NODEV | Flags::NOEXEC;
    Ok(match operation {
        Operation::Directory { mode, uid, gid, .. } => {
            let mut target = target()?;
            target.mode = *mode;
            target.owner = (*uid, *gid);
            Step::Directory { target }
        }
        Operation::Bind {
            source,
            flags,
            recursive,
            ..
        } => {
            if !source.is_absolute() {
                return Err(SandboxError::Invalid {
                    what: "not an absolute path",
                    value: source.display().to_string(),
                });
            }
            Step::Bind {
                source: c_path(source)?,
                target: target()?,
                flags: *flags,
                recursive: *recursive,
            }
        }
        Operation::Part {
            overlay, path, flags, ..
        } => {
            if !path.components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(SandboxError::Invalid {
                    what: "not a plain relative path",
                    value: path.display().to_string(),
                });
            }
            let mount_point = scratch.join(part_name(index));
            let lowers: Vec<PathBuf> = overlay.lowers.iter().rev().cloned().collect();
            let guard = if overlay.devices { Flags::NONE } else { Flags::NODEV };
            Step::Part {
                root: lower_root(&Root::Overlay(overlay.clone()), &lowers, guard)?,
                source: c_path(&mount_point.join(path))?,
                mount_point: c_path(&mount_point)?,
                target: target()?,
                flags: *flags,
            }
        }
        Operation::Tmpfs { size, mode, flags, .. } => Step::Tmpfs {
            target: target()?,
            size: size.map(number),
            mode: octal(*mode),
            flags: *flags,
        },
        Operation::Proc { .. } => Step::Proc { target: target()? },
        Operation::Sysfs { read_only: yes, .. } => Step::Sysfs {
            target: target()?,
            flags: system | read_only(*yes),
        },
        Operation::Cgroup { read_only: yes, .. } => Step::Cgroup {
            target: target()?,
            flags: system | read_only(*yes),
        },
        Operation::Devices { shm_size, console, .. } => Step::Devices {
            target: target()?,
            shm_size: number(*shm_size),
            console: *console,
            flags: Flags::NOSUID | guard,
        },
        Operation::Mask { .. } => Step::Mask { target: target()? },
        Operation::ReadOnly { .. } => Step::ReadOnly { target: target()? },
        Operation::File {
            contents,
            mode,
            uid,
            gid,
            flags,
            ..
        } => Step::File {
            target: target()?,
            name: number(index as u64),
            contents: contents.bytes().to_vec(),
            mode: *mode,
            uid: *uid,
            gid: *gid,
            flags: *flags,
        },
    })
}

impl Target {
    fn new(path: &Path, kind: Kind) -> Result<Self, SandboxError> {
        let clean = clean(path)?;
        let mut prefixes = Vec::new();
        let mut prefix = PathBuf::from("/");
        for name in clean.iter().skip(1) {
            prefix.push(name);
            prefixes.push((c_path(&prefix)?, c_string(name)?));
        }
        Ok(Self {
            path: c_path(&clean)?,
            prefixes,
            kind,
            mode: if kind == Kind::File { 0o644 } else { 0o755 },
            owner: (0, 0),
        })
    }
}

/// An absolute path without `.` and `..`, which are taken by name as Docker does.
pub(super) fn clean(path: &Path) -> Result<PathBuf, SandboxError> {
    if !path.is_absolute() {
        return Err(SandboxError::Invalid {
            what: "not an absolute path",
            value: path.display().to_string(),
        });
    }
    let mut clean = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => (),
        }
    }
    Ok(clean)
}

/// The paths that execvp(3) would try: the name itself if it has a slash, otherwise below each directory of PATH.
fn candidates(program: &OsStr, env: &[std::ffi::OsString]) -> Result<Vec<CString>, SandboxError> {
    if program.as_bytes().contains(&b'/') || program.is_empty() {
        return Ok(vec![c_string(program)?]);
    }
    // The last value wins, as in a process' environment that was filled in this order.
    let path = env.iter().rev().find_map(|it| it.as_bytes().strip_prefix(b"PATH="));
    let path = path.unwrap_or(b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let below = |directory: &[u8]| {
        // An empty directory is the working directory.
        let directory = if directory.is_empty() { b"." } else { directory };
        let mut whole = directory.to_vec();
        whole.push(b'/');
        whole.extend_from_slice(program.as_bytes());
        c_string(OsStr::from_bytes(&whole))
    };
    path.split(|byte| *byte == b':').map(below).collect()
}

fn c_strings(strings: &[std::ffi::OsString]) -> Result<Vec<CString>, SandboxError> {
    strings.iter().map(|it| c_string(it)).collect()
}

pub(super) fn c_path(path: &Path) -> Result<CString, SandboxError> {
    c_string(path.as_os_str())
}

fn c_string(string: &OsStr) -> Result<CString, SandboxError> {
    CString::new(string.to_os_string().into_vec()).map_err(|_| SandboxError::Invalid {
        what: "a path holds a zero byte",
        value: string.to_string_lossy().into_owned(),
    })
}

fn number(value: u64) -> CString {
    CString::new(value.to_string()).unwrap_or_default()
}

fn octal(value: u32) -> CString {
    CString::new(format!("{:o}", value & 0o7777)).unwrap_or_default()
}
