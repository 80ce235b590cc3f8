//! Why files of a repository could not be had.

use crate::http::HttpError;
use std::io;
use std::path::PathBuf;

/// Why files of a repository could not be had. Messages show no password, token or header.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no git on this machine.
    #[error("cannot fetch `{remote}`: the program `git` is not installed")]
    NotInstalled {
        /// The repository.
        remote: String,
    },
    /// git could not be started.
    #[error("cannot start `git`")]
    Start {
        /// Why.
        source: io::Error,
    },
    /// git said no.
    #[error("cannot {action} `{remote}`: {said}")]
    Failed {
        /// A verb and what follows it.
        action: &'static str,
        /// The repository.
        remote: String,
        /// What git said, in one line.
        said: String,
        /// Whether what is missing are credentials.
        denied: bool,
    },
    /// git gave no sign of life.
    #[error("cannot {action} `{remote}`: nothing was heard for {seconds} seconds")]
    Silent {
        /// A verb and what follows it.
        action: &'static str,
        /// The repository.
        remote: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The repository has no such ref.
    #[error("`{remote}` has no branch, tag or other ref `{reference}`")]
    NoRef {
        /// The repository.
        remote: String,
        /// What was looked for.
        reference: String,
        /// What may help: refs that it has.
        help: String,
    },
    /// The repository has no branch at all.
    #[error("`{0}` has no default branch; it may be empty")]
    NoDefault(String),
    /// The server's list of refs is no such list.
    #[error("the refs of `{0}` can't be read")]
    BadRefs(String),
    /// The commit is another than was promised.
    #[error("`{remote}` does not have the promised checksum: its commit is {found}, not {wanted}")]
    Checksum {
        /// The repository and ref.
        remote: String,
        /// What was promised.
        wanted: String,
        /// What it has.
        found: String,
    },
    /// The commit is not in the repository.
    #[error("`{remote}` has no commit {commit}, or does not give it away")]
    NoCommit {
        /// The repository.
        remote: String,
        /// The commit.
        commit: String,
    },
    /// The wanted directory is not there.
    #[error("the commit {commit} of `{remote}` has no directory `{subdir}`")]
    NoDirectory {
        /// The repository.
        remote: String,
        /// The commit.
        commit: String,
        /// What was looked for.
        subdir: String,
    },
    /// Certificates for git could not be had.
    #[error(transparent)]
    Roots(HttpError),
    /// A file could not be written, moved or removed.
    #[error("cannot {action} `{}`", .path.display())]
    File {
        /// A verb and what follows it.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The build was cancelled.
    #[error("cancelled")]
    Stopped,
}

impl GitError {
    pub(super) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// What may help.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::NotInstalled { .. } => Some("install git, and see that it is found along `PATH`".to_owned()),
            Self::NoRef { help, .. } => Some(help.clone()).filter(|help| !help.is_empty()),
            Self::Failed {
                denied: true, remote, ..
            } => Some(if is_ssh(remote) {
                "repositories over ssh need an agent that holds a key for them: `--ssh default`, or `--ssh default=KEYFILE`".to_owned()
            } else {
                "a private repository needs a token: `--secret id=GIT_AUTH_TOKEN,env=…`".to_owned()
            }),
            _ => None,
        }
    }
}

fn is_ssh(remote: &str) -> bool {
    remote.starts_with("ssh://") || !remote.contains("://")
}
