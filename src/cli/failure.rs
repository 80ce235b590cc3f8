//! Sorts failures and gives each its exit code.

use crate::build::BuildError;
use crate::diagnostic::causes;
use crate::sandbox::SandboxError;
use std::error::Error;
use std::fmt;

/// Exit codes of varve's own; `varve run` passes those of the command on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Done,
    /// The build failed: the Dockerfile, a command or a file in it is to blame.
    Failed,
    /// Wrong usage: the command line is to blame.
    Usage,
    /// `varve run`: the machine, the store or the image is to blame, as `docker run` has it.
    Container,
    /// Interrupted by Ctrl-C or SIGTERM.
    Interrupted,
    /// What a command in a container ended with.
    Command(u8),
}

impl Exit {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Container => 125,
            Self::Interrupted => 130,
            Self::Command(code) => code,
        }
    }
}

/// A command line that makes no sense.
#[derive(Debug)]
pub(super) struct Usage(String);

impl Usage {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A failure in words, and its exit code. No words: somebody closed the pipe, or what is to be said was said.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) text: String,
    pub(super) exit: Exit,
}

impl Failure {
    /// The machine or the store is to blame.
    pub(super) fn machine(text: impl Into<String>) -> Self {
        Self {
            text: format!("error: {}", text.into()),
            exit: Exit::Failed,
        }
    }

    /// The same for `varve run`.
    pub(super) fn container(text: impl Into<String>) -> Self {
        Self {
            text: format!("error: {}", text.into()),
            exit: Exit::Container,
        }
    }

    /// An error with its causes.
    pub(super) fn caused(error: &(dyn Error + 'static), exit: Exit) -> Self {
        let mut text = format!("error: {}", causes(error).join("\n  caused by: "));
        if let Some(advice) = advice(error) {
            text.push_str("\nhelp: ");
            text.push_str(&advice);
        }
        Self { text, exit }
    }

    pub(super) fn silent(exit: Exit) -> Self {
        Self {
            text: String::new(),
            exit,
        }
    }
}

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Self {
        Self {
            text: format!("error: {usage}"),
            exit: Exit::Usage,
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Cancelled => Self {
                text: "interrupted".to_owned(),
                exit: Exit::Interrupted,
            },
            BuildError::BrokenPipe => Self::silent(Exit::Failed),
            other => Self {
                text: other.render(super::color()),
                exit: Exit::Failed,
            },
        }
    }
}

/// What may help, when the sandbox is the cause.
fn advice(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(sandbox) = cause.downcast_ref::<SandboxError>() {
            return sandbox.advice();
        }
        next = cause.source();
    }
    None
}
