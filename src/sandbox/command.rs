//! The command that runs in a sandbox.

use super::capability::Capabilities;
use super::seccomp::Seccomp;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

/// A program, and everything that it inherits.
///
/// All signals have their default action and are unblocked; descriptors other than the three standard ones are closed;
/// the command is process 1 of its own process namespace, so that nothing it started outlives it.
#[derive(Debug, Clone)]
pub struct Command {
    /// The program and its arguments. A name without `/` is looked for in the `PATH` of [`Command::env`].
    pub argv: Vec<OsString>,
    /// The environment, as `NAME=value`.
    pub env: Vec<OsString>,
    /// The working directory, absolute; made with the user as owner if it is missing.
    pub cwd: PathBuf,
    /// User, as the root file system numbers them.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
    /// The most that the command and what it starts can ever have. Root has them at once, others through setuid programs.
    pub capabilities: Capabilities,
    /// Which system calls it may make.
    pub seccomp: Seccomp,
    /// Setuid programs and file capabilities are ignored.
    pub no_new_privileges: bool,
    /// Permissions that new files do not get.
    pub umask: u32,
    /// Resource limits that differ from those of this process.
    pub limits: Vec<Limit>,
    /// Standard input.
    pub stdin: Stdio,
    /// Standard output.
    pub stdout: Stdio,
    /// Standard error.
    pub stderr: Stdio,
    /// A new terminal takes the place of all three; [`Child::terminal`](super::Child::terminal) is its other end.
    /// It needs [`Operation::Devices`](super::Operation::Devices) in the setup.
    pub terminal: Option<WindowSize>,
}

impl Command {
    /// A command as root of a container in `/`, with an empty environment and closed to input and output.
    pub fn new<A: Into<OsString>>(argv: impl IntoIterator<Item = A>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            cwd: PathBuf::from("/"),
            uid: 0,
            gid: 0,
            groups: Vec::new(),
            capabilities: Capabilities::CONTAINER,
            seccomp: Seccomp::Default,
            no_new_privileges: false,
            umask: 0o022,
            limits: Vec::new(),
            stdin: Stdio::Null,
            stdout: Stdio::Null,
            stderr: Stdio::Null,
            terminal: None,
        }
    }

    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(format!("{name}={value}").into());
        self
    }

    /// Sets user and group.
    #[must_use]
    pub fn user(mut self, uid: u32, gid: u32, groups: &[u32]) -> Self {
        (self.uid, self.gid, self.groups) = (uid, gid, groups.to_vec());
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn cwd(mut self, path: impl Into<PathBuf>) -> Self {
        self.cwd = path.into();
        self
    }

    /// Sends output and errors to `descriptor`.
    #[must_use]
    pub fn output(mut self, descriptor: impl Into<Stdio>) -> Self {
        self.stdout = descriptor.into();
        self.stderr = self.stdout.clone();
        self
    }
}

/// Where a standard descriptor leads.
#[derive(Debug, Clone, Default)]
pub enum Stdio {
    /// To `/dev/null`.
    #[default]
    Null,
    /// To where this process' own one leads.
    Inherit,
    /// To a descriptor.
    Descriptor(Arc<OwnedFd>),
}

impl From<OwnedFd> for Stdio {
    fn from(descriptor: OwnedFd) -> Self {
        Self::Descriptor(Arc::new(descriptor))
    }
}

impl From<std::fs::File> for Stdio {
    fn from(file: std::fs::File) -> Self {
        OwnedFd::from(file).into()
    }
}

impl From<std::io::PipeWriter> for Stdio {
    fn from(pipe: std::io::PipeWriter) -> Self {
        OwnedFd::from(pipe).into()
    }
}

impl From<std::io::PipeReader> for Stdio {
    fn from(pipe: std::io::PipeReader) -> Self {
        OwnedFd::from(pipe).into()
    }
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// A resource limit (getrlimit(2)); `u64::MAX` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What is limited.
    pub resource: Resource,
    /// What holds until the command raises it.
    pub soft: u64,
    /// What the command can raise it to.
    pub hard: u64,
}

/// What a [`Limit`] limits; the numbers are those of Linux on most architectures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of getrlimit(2) without `RLIMIT_`")]
pub enum Resource {
    Cpu,
    Fsize,
    Data,
    Stack,
    Core,
    Rss,
    Nproc,
    Nofile,
    Memlock,
    As,
    Locks,
    Sigpending,
    Msgqueue,
    Nice,
    Rtprio,
    Rttime,
}

impl Resource {
    /// The resource that `docker run --ulimit` calls `name`, such as `nofile`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "cpu" => Self::Cpu,
            "fsize" => Self::Fsize,
            "data" => Self::Data,
            "stack" => Self::Stack,
            "core" => Self::Core,
            "rss" => Self::Rss,
            "nproc" => Self::Nproc,
            "nofile" => Self::Nofile,
            "memlock" => Self::Memlock,
            "as" => Self::As,
            "locks" => Self::Locks,
            "sigpending" => Self::Sigpending,
            "msgqueue" => Self::Msgqueue,
            "nice" => Self::Nice,
            "rtprio" => Self::Rtprio,
            "rttime" => Self::Rttime,
            _ => return None,
        })
    }

    /// The kernel's number.
    pub(super) fn number(self) -> u32 {
        let number = match self {
            Self::Cpu => libc::RLIMIT_CPU,
            Self::Fsize => libc::RLIMIT_FSIZE,
            Self::Data => libc::RLIMIT_DATA,
            Self::Stack => libc::RLIMIT_STACK,
            Self::Core => libc::RLIMIT_CORE,
            Self::Rss => libc::RLIMIT_RSS,
            Self::Nproc => libc::RLIMIT_NPROC,
            Self::Nofile => libc::RLIMIT_NOFILE,
            Self::Memlock => libc::RLIMIT_MEMLOCK,
            Self::As => libc::RLIMIT_AS,
            Self::Locks => libc::RLIMIT_LOCKS,
            Self::Sigpending => libc::RLIMIT_SIGPENDING,
            Self::Msgqueue => libc::RLIMIT_MSGQUEUE,
            Self::Nice => libc::RLIMIT_NICE,
            Self::Rtprio => libc::RLIMIT_RTPRIO,
            Self::Rttime => libc::RLIMIT_RTTIME,
        };
        // The C libraries disagree about its type.
        #[allow(
            clippy::useless_conversion,
            clippy::unnecessary_cast,
            reason = "`c_int` in musl, `c_uint` in glibc"
        )]
        {
            number as u32
        }
    }
}
