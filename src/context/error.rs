//! What can go wrong while the user's files are looked at.

use std::io;
use std::path::PathBuf;

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern `{pattern}` is malformed: {what}")]
pub struct PatternError {
    pattern: String,
    what: &'static str,
}

impl PatternError {
    pub(super) fn new(pattern: &str, what: &'static str) -> Self {
        Self {
            pattern: pattern.to_owned(),
            what,
        }
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// What is wrong with it.
    pub fn what(&self) -> &'static str {
        self.what
    }
}

/// Why the user's files cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The context directory cannot be used.
    #[error("cannot open the context directory `{}`", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory or file in the context cannot be read.
    #[error("cannot read `{path}` of the build context")]
    Read {
        /// Relative to the context.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The context has a path that is longer than the system allows.
    #[error("`{path}...` of the build context has a path of more than {limit} bytes")]
    TooLong {
        /// The beginning of the path.
        path: String,
        /// The longest path that is read.
        limit: usize,
    },
    /// A pattern of COPY, ADD or `--exclude`.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A Dockerfile or ignore file cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no Dockerfile.
    #[error("there is no `{}` in `{}`", name.display(), context.display())]
    NoDockerfile {
        /// What was looked for.
        name: PathBuf,
        /// Where.
        context: PathBuf,
        /// What may have been meant.
        near: Option<PathBuf>,
    },
    /// A Dockerfile or ignore file that no person wrote.
    #[error("`{name}` is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        name: String,
        /// The most that is read.
        limit: u64,
    },
    /// What came in a stream cannot be read.
    #[error("cannot read the build context from {name}")]
    Stream {
        /// Where it comes from.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The tar cannot be unpacked.
    #[error("cannot unpack the build context")]
    Unpack {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The entries do not form a tree.
    #[error("cannot list the build context")]
    Listing {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The stat index cannot be written.
    #[error("cannot write the index of the build context to `{}`", path.display())]
    Index {
        /// The index file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The build was called off.
    #[error("the build was cancelled")]
    Cancelled,
}

impl ContextError {
    /// What may help: sentences.
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::Read { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                vec![format!("make it readable, or add a line `{path}` to `.dockerignore`")]
            }
            Self::NoDockerfile { near: Some(near), .. } => {
                vec![format!("there is `{0}`: `-f {0}` takes it", near.display())]
            }
            Self::TooLong { path, .. } => vec![format!("add a line `{path}` to `.dockerignore`")],
            _ => Vec::new(),
        }
    }
}

/// A path for messages: text as it is, other bytes and control characters escaped.
pub(super) fn shown(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}
