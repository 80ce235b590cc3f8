//! What can go wrong, in words.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a sandbox or its command did not come to life.
///
/// [`SandboxError::advice`] says what may help.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The request itself makes no sense.
    #[error("{what}: `{value}`")]
    Invalid {
        /// What is wrong.
        what: &'static str,
        /// With what.
        value: String,
    },
    /// Something outside of the sandbox could not be prepared.
    #[error("cannot {attempt} `{}`", path.display())]
    Prepare {
        /// Completes "cannot …".
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A control group could not be made or set.
    #[error("cannot {attempt} `{}`", path.display())]
    Group {
        /// Completes "cannot …".
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No control group of this machine that can be used limits what is to be limited.
    #[error("no control group here can limit the command: the controller `{controller}` is not available")]
    NoController {
        /// What is missing.
        controller: String,
    },
    /// There is no process.
    #[error("cannot start a process in new namespaces")]
    Clone {
        /// Why.
        source: io::Error,
    },
    /// A part of the sandbox could not be set up.
    #[error("cannot {attempt}{}", if kernel.is_empty() { String::new() } else { format!(" (the kernel says: {kernel})") })]
    Setup {
        /// Completes "cannot …".
        attempt: String,
        /// What the kernel wrote about it, often empty.
        kernel: String,
        /// Why.
        source: io::Error,
    },
    /// The program could not be executed in a sandbox that is otherwise ready.
    #[error("cannot execute `{program}`: {failure}")]
    Exec {
        /// What was to be executed.
        program: String,
        /// In which way it failed.
        failure: ExecFailure,
        /// Why.
        source: io::Error,
    },
    /// The end of a process could not be learned.
    #[error("cannot wait for the command")]
    Wait {
        /// Why.
        source: io::Error,
    },
    /// A signal could not be sent.
    #[error("cannot send signal {signal} to the command")]
    Signal {
        /// Its number.
        signal: i32,
        /// Why.
        source: io::Error,
    },
    /// This process could not become root of a user namespace.
    #[error("cannot {attempt}")]
    UserNamespace {
        /// Completes "cannot …".
        attempt: String,
        /// Why.
        source: io::Error,
    },
}

/// Why a program could not be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ExecFailure {
    /// There is no such file; a shell says 127.
    #[error("not found")]
    NotFound,
    /// It is there, but what should interpret or link it is not; a shell says 127.
    #[error("its interpreter was not found")]
    MissingInterpreter,
    /// It must not be executed, or is a directory; a shell says 126.
    #[error("permission denied")]
    PermissionDenied,
    /// It is no program of this machine; a shell says 126.
    #[error("not a program that this machine can run")]
    Format,
    /// Arguments and environment are too long; a shell says 126.
    #[error("arguments and environment are too long")]
    TooLong,
    /// Anything else; a shell says 126.
    #[error("the kernel refused")]
    Other,
}

impl ExecFailure {
    /// The exit status that a shell would give.
    #[must_use]
    pub fn exit_status(self) -> i32 {
        match self {
            Self::NotFound | Self::MissingInterpreter => 127,
            Self::PermissionDenied | Self::Format | Self::TooLong | Self::Other => 126,
        }
    }
}
