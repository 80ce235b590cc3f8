//! Why results could not be exchanged.

use crate::digest::{ContentId, DiffId};
use crate::layer::LayerError;
use crate::registry::RegistryError;
use crate::store::StoreError;
use std::io;
use std::path::PathBuf;

/// Why results could not be exchanged.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of a cache in a directory.
    #[error("cannot {action} `{}`", .path.display())]
    File {
        /// A verb and what follows it.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A document that is not what it should be.
    #[error("what lies at {what} is no cache of varve's: {why}")]
    Document {
        /// Where it lies.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A layer that can't be read.
    #[error("a layer of the cache can't be read")]
    Layer(#[from] LayerError),
    /// A layer whose bytes can't be had.
    #[error("a layer of the cache can't be read")]
    Bytes(#[source] io::Error),
    /// A layer that is not what its record claims.
    #[error("the cache lies: the tar of a layer is `{found}`, and was told to be `{wanted}`")]
    WrongLayer {
        /// What the record claims.
        wanted: DiffId,
        /// What came.
        found: DiffId,
    },
    /// Files that are not what their record claims.
    #[error("the cache lies: the files of a layer are `{found}`, and were told to be `{wanted}`")]
    WrongContent {
        /// What the record claims.
        wanted: ContentId,
        /// What came.
        found: ContentId,
    },
    /// Nobody is known to have the files.
    #[error("nobody is known to have the files of `{0}`")]
    NoLayer(ContentId),
}

impl ExchangeError {
    /// Whether the build was cancelled, and nothing is wrong.
    pub fn is_stopped(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_stopped())
    }
}

/// Results that others were to have, and can't be had: their steps have to run after all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("results of other machines can't be had")]
pub struct Lost;
