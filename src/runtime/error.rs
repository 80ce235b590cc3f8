//! What can go wrong, in words.

use crate::sandbox::{IdentityError, SandboxError};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a container did not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// Neither the image nor the request has a command.
    #[error("the image has no command, and none was given")]
    NoCommand,
    /// The user does not exist in the image.
    #[error("cannot run as `{user}`")]
    User {
        /// Who was asked for.
        user: String,
        /// Why.
        source: IdentityError,
    },
    /// The working directory is not absolute.
    #[error("the working directory `{0}` is not an absolute path")]
    WorkingDirectory(String),
    /// A directory for the container could not be made.
    #[error("cannot make `{}` for the container", path.display())]
    Prepare {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The sandbox failed.
    #[error("cannot run the container")]
    Sandbox(#[from] SandboxError),
    /// Input or output between the container and the outside failed.
    #[error("cannot {attempt} of the container")]
    Streams {
        /// Completes "cannot …".
        attempt: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The request cannot be written down for another runtime.
    #[error("cannot describe the container to another runtime")]
    Bundle(#[from] serde_json::Error),
}
