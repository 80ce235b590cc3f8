//! What can go wrong in the store.

use crate::digest::{BlobDigest, ContentId, NotTheBlob};
use crate::layer::ListingError;
use std::io;
use std::path::{Path, PathBuf};

/// What the store could not do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// A verb and what follows it, such as `create the folder`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk, or the user's share of it, is full. Nothing half-written stays behind.
    #[error("no space left in the store `{}`", .root.display())]
    Full {
        /// The store.
        root: PathBuf,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database refused.
    #[error("cannot {action} in the database of the store `{}`", .root.display())]
    Database {
        /// A verb and what follows it.
        action: &'static str,
        /// The store.
        root: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A newer varve wrote the store.
    #[error(
        "the store `{}` has format {found}, and this varve knows formats up to {known}: use a newer varve or another store",
        .root.display()
    )]
    Future {
        /// The store.
        root: PathBuf,
        /// The format it has.
        found: i64,
        /// The newest format that this program knows.
        known: i64,
    },
    /// A blob is not what its name says.
    #[error("the blob was refused")]
    Blob(#[from] NotTheBlob),
    /// Something in the store does not read as what it should be.
    #[error("`{}` is damaged: {reason}", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A delta's listing does not read back.
    #[error("the listing of the delta `{content}` is damaged")]
    Listing {
        /// Which delta.
        content: ContentId,
        /// Why.
        source: ListingError,
    },
    /// A delta that was there is gone.
    #[error("the delta `{0}` is not in the store")]
    NoDelta(ContentId),
    /// A blob that was there is gone.
    #[error("the blob `{0}` is not in the store")]
    NoBlob(BlobDigest),
    /// A new cache mount could not be given its first content.
    #[error("cannot prepare the cache mount in `{}`", .path.display())]
    Seed {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another program is using the store, so nothing may be removed from it now.
    #[error("the store `{}` is in use by another build", .0.display())]
    InUse(PathBuf),
    /// The caller no longer wants it.
    #[error("cancelled")]
    Cancelled,
}

impl StoreError {
    pub(super) fn io<P: Into<PathBuf>>(
        root: &Path,
        action: &'static str,
        path: P,
    ) -> impl FnOnce(io::Error) -> Self + use<P> {
        let (root, path) = (root.to_owned(), path.into());
        move |source| {
            if is_full(&source) {
                return Self::Full {
                    root,
                    source: Box::new(source),
                };
            }
            Self::Io { action, path, source }
        }
    }

    pub(super) fn database(root: &Path, action: &'static str, source: rusqlite::Error) -> Self {
        let root = root.to_owned();
        if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            return Self::Full {
                root,
                source: Box::new(source),
            };
        }
        Self::Database { action, root, source }
    }
}

/// Gives an error of a write into the store the store's name when the disk is full.
pub(super) fn name_full(root: &Path, error: io::Error) -> io::Error {
    if !is_full(&error) {
        return error;
    }
    let kind = error.kind();
    io::Error::new(
        kind,
        StoreError::Full {
            root: root.to_owned(),
            source: Box::new(error),
        },
    )
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
