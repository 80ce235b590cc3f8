//! A sandbox as a list of operations, drawn before it is built.

use super::group::ControlGroup;
use super::mounts::Flags;
use std::fmt;
use std::path::{Path, PathBuf};

/// What a command will see: a root file system, what is mounted over it, its name and its network.
///
/// Plain data. Nothing happens before [`Setup::spawn`](Setup::spawn), which performs the
/// operations in order; later ones see, and may cover, what earlier ones made.
/// Targets are absolute paths inside the root, whose symbolic links are followed inside the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The root file system.
    pub root: Root,
    /// An empty directory of the caller's: mount points that nobody else sees are made in it.
    /// It may be removed as soon as the command has ended; it then holds only empty files and directories.
    pub scratch: PathBuf,
    /// What is done to the root, in order.
    pub operations: Vec<Operation>,
    /// Host name.
    pub hostname: String,
    /// Network.
    pub network: Network,
    /// The control group of the command.
    pub group: ControlGroup,
}

/// A root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// Directories laid over each other.
    Overlay(Overlay),
    /// A directory as it is; the command's changes, and mount points that were missing, stay in it.
    Directory(PathBuf),
}

/// Directories laid over each other by the kernel's overlayfs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// The read-only directories, lowest first; at least one.
    pub lowers: Vec<PathBuf>,
    /// Where changes go; its own owner and mode are those of `/`. Without it the root is read-only.
    pub upper: Option<Upper>,
    /// Marks of whiteouts and opaque directories are `user.overlay.*` instead of `trusted.overlay.*`.
    pub userxattr: bool,
    /// Devices nodes in it can be opened. Without a device cgroup that is every disk of the machine.
    pub devices: bool,
}

/// The writable part of an overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upper {
    /// Receives the changes.
    pub directory: PathBuf,
    /// An empty directory on the same file system, for the kernel alone; not to be used again.
    pub work: PathBuf,
}

/// One thing done to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Makes a directory with its parents where it is missing. It stays.
    Directory {
        /// Where.
        path: PathBuf,
        /// Permissions of what is made.
        mode: u32,
        /// Owner of what is made.
        uid: u32,
        /// Group of what is made.
        gid: u32,
    },
    /// Shows a file or directory of the machine.
    Bind {
        /// What, outside of the root.
        source: PathBuf,
        /// Where.
        target: PathBuf,
        /// What is refused below it.
        flags: Flags,
        /// With the mounts below it.
        recursive: bool,
    },
    /// Shows a part of directories that are laid over each other, apart from the root.
    Part {
        /// The directories. What is written goes to its upper directory; without one writing is refused.
        overlay: Overlay,
        /// A path in it, relative and without links.
        path: PathBuf,
        /// Whether a directory stands there, and not a file.
        directory: bool,
        /// Where.
        target: PathBuf,
        /// What is refused below it.
        flags: Flags,
    },
    /// Mounts empty memory.
    Tmpfs {
        /// Where.
        target: PathBuf,
        /// In bytes; half of the machine's memory if not given.
        size: Option<u64>,
        /// Permissions of its root.
        mode: u32,
        /// What is refused below it.
        flags: Flags,
    },
    /// Mounts this sandbox' own processes.
    Proc {
        /// Where.
        target: PathBuf,
    },
    /// Mounts the view of devices and drivers.
    Sysfs {
        /// Where.
        target: PathBuf,
        /// Writes are refused.
        read_only: bool,
    },
    /// Mounts the view of control groups where the machine has the second version of them.
    Cgroup {
        /// Where.
        target: PathBuf,
        /// Writes are refused.
        read_only: bool,
    },
    /// Mounts a `/dev` with nothing in it that reaches the machine's hardware.
    Devices {
        /// Where.
        target: PathBuf,
        /// Size of `shm` in bytes.
        shm_size: u64,
        /// The terminal of the command is also `console`.
        console: bool,
    },
    /// Hides a path: a file reads as empty, a directory is empty. Nothing happens where it is missing.
    Mask {
        /// What.
        path: PathBuf,
    },
    /// Refuses writes below a path. Nothing happens where it is missing.
    ReadOnly {
        /// What.
        path: PathBuf,
    },
    /// Shows a file that exists only in memory and leaves no trace.
    File {
        /// Where.
        target: PathBuf,
        /// What it holds.
        contents: Contents,
        /// Permissions.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// What is refused on it.
        flags: Flags,
    },
}

/// Which network a command sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// The one of this process.
    Inherit,
    /// A loopback interface of its own and nothing else.
    None,
}

/// Bytes of a file in memory. They may be a secret, so that only their number is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents(Vec<u8>);

impl Contents {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<T: Into<Vec<u8>>> From<T> for Contents {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

/// Size of `/dev/shm` unless asked otherwise: 64 MiB, as Docker has it.
pub const SHM_SIZE: u64 = 64 << 20;

/// Paths that a container must not read: they tell of, or act on, the whole machine. Docker hides the same.
pub const MASKED: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];

/// Paths that a container must not write. Docker guards the same.
pub const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

impl Setup {
    /// A root with nothing mounted over it, on the network of this process.
    pub fn new(root: Root, scratch: impl Into<PathBuf>) -> Self {
        Self {
            root,
            scratch: scratch.into(),
            operations: Vec::new(),
            hostname: "localhost".to_owned(),
            network: Network::Inherit,
            group: ControlGroup::default(),
        }
    }

    /// Adds what Docker mounts into every container: `/proc`, `/dev`, `/sys` read-only, and the paths hidden in them.
    ///
    /// `/proc`, `/dev` and `/sys` are made, and stay, where the root does not have them.
    #[must_use]
    pub fn container(mut self, shm_size: u64, console: bool) -> Self {
        self = self.system(shm_size, console, true);
        self.operations
            .extend(MASKED.map(|path| Operation::Mask { path: path.into() }));
        let read_only = READ_ONLY.map(|path| Operation::ReadOnly { path: path.into() });
        self.operations.extend(read_only);
        self
    }

    /// As [`Setup::container`], but nothing is hidden and `/sys` is writable: `RUN --security=insecure`.
    #[must_use]
    pub fn insecure_container(self, shm_size: u64, console: bool) -> Self {
        self.system(shm_size, console, false)
    }

    fn system(mut self, shm_size: u64, console: bool, read_only: bool) -> Self {
        for path in ["/proc", "/dev", "/sys"] {
            self = self.directory(path, 0o755, 0, 0);
        }
        self.operations.extend([
            Operation::Proc { target: "/proc".into() },
            Operation::Devices {
                target: "/dev".into(),
                shm_size,
                console,
            },
            Operation::Sysfs {
                target: "/sys".into(),
                read_only,
            },
            Operation::Cgroup {
                target: "/sys/fs/cgroup".into(),
                read_only,
            },
        ]);
        self
    }

    /// Adds one operation.
    #[must_use]
    pub fn with(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    /// Adds [`Operation::Directory`].
    #[must_use]
    pub fn directory(self, path: impl Into<PathBuf>, mode: u32, uid: u32, gid: u32) -> Self {
        self.with(Operation::Directory {
            path: path.into(),
            mode,
            uid,
            gid,
        })
    }

    /// Adds a writable, recursive [`Operation::Bind`] in which devices cannot be opened.
    #[must_use]
    pub fn bind(self, source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        self.with(Operation::Bind {
            source: source.into(),
            target: target.into(),
            flags: Flags::NODEV,
            recursive: true,
        })
    }

    /// Adds a read-only, recursive [`Operation::Bind`].
    #[must_use]
    pub fn bind_read_only(self, source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        self.with(Operation::Bind {
            source: source.into(),
            target: target.into(),
            flags: Flags::NODEV | Flags::READ_ONLY,
            recursive: true,
        })
    }

    /// Adds an [`Operation::Tmpfs`] with the permissions of `/tmp`, of at most `size` bytes.
    #[must_use]
    pub fn tmpfs(self, target: impl Into<PathBuf>, size: Option<u64>) -> Self {
        self.with(Operation::Tmpfs {
            target: target.into(),
            size,
            mode: 0o1777,
            flags: Flags::NODEV | Flags::NOSUID,
        })
    }

    /// Adds a file that root owns and may write for as long as the command runs, such as `/etc/hosts`.
    #[must_use]
    pub fn file(self, target: impl Into<PathBuf>, contents: impl Into<Contents>) -> Self {
        self.with(Operation::File {
            target: target.into(),
            contents: contents.into(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            flags: Flags::NODEV | Flags::NOSUID,
        })
    }

    /// Adds a file in memory that can be executed.
    #[must_use]
    pub fn program(self, target: impl Into<PathBuf>, contents: impl Into<Contents>) -> Self {
        self.with(Operation::File {
            target: target.into(),
            contents: contents.into(),
            mode: 0o755,
            uid: 0,
            gid: 0,
            flags: Flags::NODEV | Flags::NOSUID,
        })
    }

    /// Adds a secret: a read-only file that cannot be executed, unless its mode says so.
    #[must_use]
    pub fn secret(
        self,
        target: impl Into<PathBuf>,
        contents: impl Into<Contents>,
        mode: u32,
        uid: u32,
        gid: u32,
    ) -> Self {
        let mut flags = Flags::NODEV | Flags::NOSUID | Flags::READ_ONLY;
        if mode & 0o111 == 0 {
            flags = flags | Flags::NOEXEC;
        }
        self.with(Operation::File {
            target: target.into(),
            contents: contents.into(),
            mode,
            uid,
            gid,
            flags,
        })
    }

    /// Sets the host name.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = name.into();
        self
    }

    /// Sets the control group.
    #[must_use]
    pub fn group(mut self, group: ControlGroup) -> Self {
        self.group = group;
        self
    }

    /// Sets the network.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }
}

impl Operation {
    /// The path inside the root that the operation is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Directory { path, .. } | Self::Mask { path } | Self::ReadOnly { path } => path,
            Self::Bind { target, .. }
            | Self::Part { target, .. }
            | Self::Tmpfs { target, .. }
            | Self::Proc { target }
            | Self::Sysfs { target, .. }
            | Self::Cgroup { target, .. }
            | Self::Devices { target, .. }
            | Self::File { target, .. } => target,
        }
    }

    /// Completes the sentence "cannot …".
    pub(super) fn attempt(&self) -> String {
        let at = self.path().display();
        match self {
            Self::Directory { .. } => format!("make the directory `{at}`"),
            Self::Bind { source, .. } => format!("mount `{}` on `{at}`", source.display()),
            Self::Part { path, .. } => format!("mount `{}` of an overlay on `{at}`", path.display()),
            Self::Tmpfs { .. } => format!("mount memory on `{at}`"),
            Self::Proc { .. } => format!("mount the process file system on `{at}`"),
            Self::Sysfs { .. } => format!("mount sysfs on `{at}`"),
            Self::Cgroup { .. } => format!("mount control groups on `{at}`"),
            Self::Devices { .. } => format!("mount the minimal devices on `{at}`"),
            Self::Mask { .. } => format!("hide `{at}`"),
            Self::ReadOnly { .. } => format!("make `{at}` read-only"),
            Self::File { .. } => format!("mount a file in memory on `{at}`"),
        }
    }
}
