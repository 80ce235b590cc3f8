//! A running command.

use super::error::SandboxError;
use super::group::Groups;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions};
use std::io;
use std::sync::Arc;

/// A command in its sandbox. Dropped before its end, it is killed.
///
/// The kernel kills it too when the thread that called [`Setup::spawn`](super::Setup::spawn) ends or its process
/// dies, however that happens. (A command that is itself a setuid program escapes the second rule; what it
/// starts does not outlive it.)
#[derive(Debug)]
pub struct Child {
    pub(super) pid: u32,
    pub(super) pidfd: Arc<OwnedFd>,
    pub(super) status: Option<ExitStatus>,
    pub(super) notes: Vec<Note>,
    pub(super) terminal: Option<OwnedFd>,
    /// Removed when nobody is in them any more.
    pub(super) groups: Groups,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// With an exit status.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl ExitStatus {
    /// Whether the command says that all went well.
    #[must_use]
    pub fn success(self) -> bool {
        self == Self::Code(0)
    }

    /// The status that a shell would report: 128 and the signal's number for a signal.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// What had to be done in another way than asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// `/proc` is the machine's: this process may not mount one of its own.
    HostProc,
    /// `/sys` is the machine's, read-only.
    HostSys,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::HostProc => "`/proc` shows the machine's processes, since a new one can't be mounted here",
            Self::HostSys => "`/sys` is the machine's, read-only, since a new one can't be mounted here",
        })
    }
}

impl Child {
    /// Waits for the end of the command, which is the end of everything that it started.
    pub fn wait(&mut self) -> Result<ExitStatus, SandboxError> {
        self.reap(WaitIdOptions::EXITED)?.ok_or_else(|| SandboxError::Wait {
            source: Errno::CHILD.into(),
        })
    }

    /// The status if the command has ended.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, SandboxError> {
        self.reap(WaitIdOptions::EXITED | WaitIdOptions::NOHANG)
    }

    fn reap(&mut self, options: WaitIdOptions) -> Result<Option<ExitStatus>, SandboxError> {
        if self.status.is_some() {
            return Ok(self.status);
        }
        let status = loop {
            match rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), options) {
                Err(Errno::INTR) => (),
                other => break other,
            }
        };
        let status = status.map_err(|errno| SandboxError::Wait { source: errno.into() })?;
        self.status = status.map(|status| match status.exit_status() {
            Some(code) => ExitStatus::Code(code),
            None => ExitStatus::Signal(status.terminating_signal().unwrap_or(libc::SIGKILL)),
        });
        Ok(self.status)
    }

    /// Kills the command and everything that it started. A command that has ended stays ended.
    pub fn kill(&self) -> Result<(), SandboxError> {
        self.killer().kill()
    }

    /// A handle with which another thread can kill.
    #[must_use]
    pub fn killer(&self) -> Killer {
        Killer {
            pidfd: self.pidfd.clone(),
        }
    }

    /// A descriptor that becomes readable when the command ends.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// The process' number outside of the sandbox.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the kernel killed something of the command because it reached its limit of memory.
    #[must_use]
    pub fn ran_out_of_memory(&self) -> bool {
        self.groups.ran_out_of_memory()
    }

    /// What differs from the request.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The other end of the terminal that [`Command::terminal`](super::Command::terminal) asked for, once.
    pub fn terminal(&mut self) -> Option<OwnedFd> {
        self.terminal.take()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.status.is_none() {
            // Errors mean that it is gone already.
            let _ = self.kill();
            let _ = self.wait();
        }
    }
}

/// Reaches a command from any thread, and never another process that got its number later.
#[derive(Debug, Clone)]
pub struct Killer {
    pidfd: Arc<OwnedFd>,
}

impl Killer {
    /// Kills the command, and with it everything in its process namespace.
    pub fn kill(&self) -> Result<(), SandboxError> {
        self.signal(libc::SIGKILL)
    }

    /// Sends a signal. The command is process 1: signals that it does not handle pass it by, except SIGKILL and SIGSTOP.
    pub fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        let failed = |source: io::Error| SandboxError::Signal { signal, source };
        let number = Signal::from_named_raw(signal).ok_or_else(|| failed(Errno::INVAL.into()))?;
        match rustix::process::pidfd_send_signal(&self.pidfd, number) {
            // It has ended.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(errno) => Err(failed(errno.into())),
        }
    }
}
