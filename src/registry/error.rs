//! Why an image could not be had from its registry, or put there.

use crate::http::HttpError;
use crate::oci::OciError;
use crate::store::StoreError;
use std::path::PathBuf;

/// Why an image could not be had from its registry, or put there.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The registry could not be reached.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The registry wants somebody to log in, or somebody else.
    #[error("the registry denied access to `{name}`: {why}")]
    Denied {
        /// What was asked for.
        name: String,
        /// The status, and what the registry said.
        why: String,
    },
    /// The registry does not have it.
    #[error("`{name}` is not in its registry: {why}")]
    NotFound {
        /// What was asked for.
        name: String,
        /// The status, and what the registry said.
        why: String,
    },
    /// The registry answered with something else.
    #[error("cannot get `{name}` from its registry: {why}")]
    Refused {
        /// What was asked for.
        name: String,
        /// The status, and what the registry said.
        why: String,
    },
    /// The registry does not take what is pushed.
    #[error("the registry does not take {what}: {why}")]
    NotTaken {
        /// What was pushed, in words.
        what: String,
        /// The status, and what the registry said.
        why: String,
    },
    /// What is to be pushed can't be read.
    #[error("cannot read {what}, which is to be pushed")]
    Unreadable {
        /// What, in words.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The registry asks for a login in a way that is not understood or not safe.
    #[error("cannot log in for `{name}`: {why}")]
    Login {
        /// What was asked for.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// What came is not what its digest says.
    #[error("the registry sent something else than `{name}`: {why}")]
    Damaged {
        /// What was asked for.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A document of an image.
    #[error("cannot use the image `{name}`")]
    Image {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        source: OciError,
    },
    /// An image that may not be had.
    #[error("`{name}` is blocked: the configuration of registries forbids images of `{prefix}`")]
    Blocked {
        /// What was asked for.
        name: String,
        /// What is forbidden.
        prefix: String,
    },
    /// A name that can't be asked for where a route leads.
    #[error("the configuration of registries leads to `{0}`, which is no name of an image")]
    NoPlace(String),
    /// Neither the registry nor its mirrors have it.
    #[error("{source}; its mirrors were asked before: {}", .mirrors.join("; "))]
    Nowhere {
        /// What the registry itself said.
        #[source]
        source: Box<Self>,
        /// What its mirrors said.
        mirrors: Vec<String>,
    },
    /// A mirror failed when it had begun to send; it is not asked again.
    #[error("the mirror `{mirror}` failed")]
    Mirror {
        /// Which.
        mirror: String,
        /// How.
        source: Box<Self>,
    },
    /// A text that names no registry.
    #[error("`{0}` is not the host of a registry, with or without a port")]
    NoRegistry(String),
    /// A file of credentials.
    #[error("cannot use the credentials in `{}`: {why}", .path.display())]
    Credentials {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A program that keeps credentials.
    #[error("cannot get credentials from `{program}`: {why}")]
    Helper {
        /// Which program.
        program: String,
        /// What went wrong.
        why: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RegistryError {
    /// What may help.
    pub fn advice(&self) -> Option<String> {
        match self.root() {
            Self::Denied { .. } => Some("log in with `varve login REGISTRY`, as somebody who may do this".to_owned()),
            _ => None,
        }
    }

    /// What is wrong, whoever else was asked.
    pub fn root(&self) -> &Self {
        match self {
            Self::Nowhere { source, .. } | Self::Mirror { source, .. } => source.root(),
            other => other,
        }
    }

    /// Whether the build was cancelled, and nothing is wrong.
    pub fn is_stopped(&self) -> bool {
        matches!(self.root(), Self::Http(HttpError::Stopped))
    }

    /// Whether the same may be had from somebody else by now.
    pub fn is_of_mirror(&self) -> bool {
        matches!(self, Self::Mirror { .. })
    }
}
