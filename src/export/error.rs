//! What can go wrong when an image is handed out.

use crate::digest::{BlobDigest, ContentId, DiffId};
use crate::layer::LayerError;
use crate::oci::OciError;
use crate::registry::RegistryError;
use crate::store::StoreError;
use std::io;
use std::path::PathBuf;

/// Why an image could not be handed out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file system refused.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// A verb and what follows it.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A stream that the caller gave took no more.
    #[error("cannot write the output")]
    Stream(#[source] io::Error),
    /// The destination is a directory, and a file was to be written.
    #[error("the destination `{}` is a directory: name a file in it", .0.display())]
    IsDirectory(PathBuf),
    /// The destination is a file, and a directory was to be filled.
    #[error("the destination `{}` is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// A directory can't go into a stream.
    #[error("a directory cannot be written to a stream: name a destination")]
    NeedsPath,
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A layer's files could not be packed.
    #[error("cannot pack the layer `{content}`")]
    Pack {
        /// The delta.
        content: ContentId,
        /// Why.
        source: LayerError,
    },
    /// The files of the image could not be packed.
    #[error("cannot pack the files of the image")]
    PackTree(#[source] LayerError),
    /// A layer of the base image could not be read or compressed anew.
    #[error("cannot pack the layer `{diff_id}` of the base image")]
    Repack {
        /// The layer.
        diff_id: DiffId,
        /// Why.
        source: io::Error,
    },
    /// A layer of the base image is not what the image says.
    #[error("the layer `{expected}` of the base image unpacks to `{found}`")]
    WrongLayer {
        /// What the image says.
        expected: DiffId,
        /// What it is.
        found: DiffId,
    },
    /// A delta gave another tar than before.
    #[error("the files of the layer `{0}` in the store have changed")]
    Changed(ContentId),
    /// A layer of the base image is wanted as files, but was never unpacked.
    #[error("the layer `{0}` of the base image is not unpacked")]
    NotUnpacked(DiffId),
    /// A layout of a base image can't be read.
    #[error("cannot read the base image")]
    Base(#[from] OciError),
    /// A registry does not take it, or does not give a layer of the base image.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Nothing was given to be handed out.
    #[error("there is no image to hand out")]
    NoImage,
    /// What `docker load` reads holds no index.
    #[error("an archive for `docker load` holds one image for one platform: use `type=oci`, or build for one platform")]
    NoIndex,
    /// Two images have a file of this name, and both were to be written to one place.
    #[error("`{0}` is in the images of several platforms: leave `platform-split=false` out")]
    SamePath(String),
    /// What speaks of an image could not be made.
    #[error("cannot make what speaks of the image")]
    Attest(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An image can't be pushed without a name.
    #[error("an image needs a name to be pushed to")]
    NoName,
    /// An image of the store is not what its layers are.
    #[error("the image `{0}` of the store does not fit its layers")]
    Unfit(BlobDigest),
    /// The caller no longer wants it.
    #[error("cancelled")]
    Cancelled,
}

impl ExportError {
    pub(super) fn io<E: Into<io::Error>>(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source: source.into(),
        }
    }
}
