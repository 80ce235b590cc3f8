//! Why a step could not be done.

use crate::agent::AgentError;
use crate::context::{ContextError, PatternError, SelectError};
use crate::digest::{ContentId, DiffId};
use crate::exchange::{ExchangeError, Lost};
use crate::git::GitError;
use crate::http::HttpError;
use crate::layer::{LayerError, ListingError, ResolveError, TreePath};
use crate::oci::OciError;
use crate::pins::Unpinned;
use crate::registry::RegistryError;
use crate::sandbox::{ExitStatus, IdentityError, SandboxError};
use crate::schedule::Cancelled;
use crate::store::StoreError;
use std::io;
use std::path::PathBuf;

/// Why a step could not be done.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The command ended with something else than 0.
    #[error("the command {}", ended(*.status))]
    Command {
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it wrote.
        tail: Vec<u8>,
        /// The kernel killed a process of it at its limit of memory.
        out_of_memory: bool,
    },
    /// The lock file does not know it.
    #[error(transparent)]
    Unpinned(#[from] Unpinned),
    /// The lock file and the Dockerfile promise different commits.
    #[error("`{name}` is locked at {pinned}, and the Dockerfile wants {wanted}")]
    OtherPin {
        /// Which ref.
        name: String,
        /// The commit in the lock file.
        pinned: String,
        /// The checksum in the Dockerfile.
        wanted: String,
    },
    /// The sandbox could not be made, or the program could not be started.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The user or group is not in the image.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The sources of a COPY or ADD, or a mount's source.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A pattern of a source or of `--exclude`.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The user's files could not be read.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A delta could not be read or written.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A listing could not be put together.
    #[error("the files do not make a tree")]
    Listing(#[from] ListingError),
    /// A base image.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// The destination leads nowhere.
    #[error("cannot find the destination")]
    Resolve(#[from] ResolveError),
    /// Something that is no directory stands where one is needed.
    #[error("cannot put a directory at `/{}`: something else stands there", .0.escape_ascii())]
    NotADirectory(TreePath),
    /// A directory stands where something else should go.
    #[error("cannot put a file at `/{}`: a directory stands there", .0.escape_ascii())]
    IsADirectory(TreePath),
    /// `--chown` names somebody where there are no users at all.
    #[error("`--chown={0}` names a user or group, and the empty root file system knows none: write numbers")]
    NobodyThere(String),
    /// `--chmod` is no mode.
    #[error("`{0}` is not a mode: write octal digits such as `755`, or clauses such as `u=rwX,go=rX`")]
    Mode(String),
    /// A layer of a base is not what the image config says.
    #[error("layer {} of `{image}` is damaged: its content is {found}, and the image config says {wanted}", .index + 1)]
    WrongLayer {
        /// The image's reference.
        image: String,
        /// Its place in the image, from 0.
        index: usize,
        /// What the config says.
        wanted: DiffId,
        /// What the layer has.
        found: DiffId,
    },
    /// A layer of a base could not be read.
    #[error("cannot read layer {} of `{image}`", .index + 1)]
    Base {
        /// The image's reference.
        image: String,
        /// Its place in the image, from 0.
        index: usize,
        /// Why.
        source: io::Error,
    },
    /// A layer of an image of the store is not there any more.
    #[error("layer {} of `{image}` is gone from the store; build or load the image again", .index + 1)]
    BlobGone {
        /// The image's reference.
        image: String,
        /// Its place in the image, from 0.
        index: usize,
    },
    /// A record names a delta that is not there.
    #[error("the delta `{0}` is gone from the store")]
    DeltaGone(ContentId),
    /// The plan asks for something that the request does not have; a defect of varve.
    #[error("internal error: {0}")]
    Internal(String),
    /// A secret that must be there was not given.
    #[error("the secret `{0}` is required and was not given")]
    SecretMissing(String),
    /// An ssh agent that must be there was not given.
    #[error("the ssh agent `{0}` is required and was not given")]
    SshMissing(String),
    /// An ssh agent could not be handed on.
    #[error("cannot hand on the ssh agent `{id}`")]
    Agent {
        /// Its id.
        id: String,
        /// Why.
        source: AgentError,
    },
    /// The step needs a right that was not granted.
    #[error("the step asks for {0}, which was not granted")]
    NotAllowed(&'static str),
    /// Something that varve can't do yet.
    #[error("{0} is not supported yet")]
    Unsupported(String),
    /// An archive of ADD.
    #[error("cannot unpack `{name}`")]
    Archive {
        /// The archive's path in its context.
        name: String,
        /// Why.
        source: LayerError,
    },
    /// Something could not be fetched.
    #[error(transparent)]
    Http(HttpError),
    /// A git repository.
    #[error(transparent)]
    Git(GitError),
    /// A secret that can't be a header.
    #[error("the secret `{0}` is not one line of text")]
    BadSecret(String),
    /// A registry.
    #[error(transparent)]
    Registry(RegistryError),
    /// What was fetched is not what `--checksum` promises.
    #[error("`{url}` does not have the promised checksum: its content is {found}, not {wanted}")]
    Checksum {
        /// What was fetched.
        url: String,
        /// What was promised.
        wanted: String,
        /// What it has.
        found: String,
    },
    /// A file of the user's is another than the one that was hashed.
    #[error("`{0}` changed while it was copied; build again")]
    ChangedMeanwhile(String),
    /// A file could not be read or written.
    #[error("cannot {action} `{}`", .path.display())]
    File {
        /// A verb and what follows it.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What others were to have can't be had.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The build was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<HttpError> for ExecuteError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Stopped => Self::Cancelled(Cancelled),
            other => Self::Http(other),
        }
    }
}

impl From<GitError> for ExecuteError {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Stopped => Self::Cancelled(Cancelled),
            other => Self::Git(other),
        }
    }
}

impl From<ExchangeError> for ExecuteError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Store(error) => error.into(),
            ExchangeError::Registry(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<RegistryError> for ExecuteError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Http(error) => error.into(),
            RegistryError::Store(error) => error.into(),
            other => Self::Registry(other),
        }
    }
}

fn ended(status: ExitStatus) -> String {
    match status {
        ExitStatus::Code(code) => format!("ended with exit status {code}"),
        ExitStatus::Signal(signal) => format!("was killed by signal {signal}"),
    }
}
