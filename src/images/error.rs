//! What can go wrong with images of the store.

use crate::digest::DiffId;
use crate::execute::ExecuteError;
use crate::export::ExportError;
use crate::oci::OciError;
use crate::registry::RegistryError;
use crate::store::StoreError;
use std::io;
use std::path::PathBuf;

/// Why something can't be done with an image.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// Nothing in the store is called so.
    #[error("there is no image `{0}` in the store")]
    NotFound(String),
    /// The digits begin the IDs of several images.
    #[error("several images have an ID that begins with `{0}`")]
    Several(String),
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
    /// An archive could not be read to its end.
    #[error("cannot read the archive")]
    Stream(#[source] io::Error),
    /// An archive without images in it.
    #[error("there is no image in `{}`", .0.display())]
    Empty(PathBuf),
    /// A layer of an archive can't be unpacked.
    #[error("cannot read the layer `{diff_id}`")]
    Layer {
        /// The layer.
        diff_id: DiffId,
        /// Why.
        source: io::Error,
    },
    /// A layer of an archive is not what the image says.
    #[error("the layer `{expected}` unpacks to `{found}`")]
    WrongLayer {
        /// What the image says.
        expected: DiffId,
        /// What it is.
        found: DiffId,
    },
    /// The bytes of a layer are gone.
    #[error("the layer `{diff_id}` of `{name}` is not in the store any more: build or pull the image again")]
    LayerGone {
        /// The image.
        name: String,
        /// The layer.
        diff_id: DiffId,
    },
    /// An image is there, and not an index.
    #[error("`{0}` is no index of images")]
    NotAnIndex(String),
    /// An index has no such entry.
    #[error("the index has no entry `{0}`")]
    NotListed(String),
    /// An index without any image.
    #[error("the index `{0}` would list no image")]
    NoImages(String),
    /// The documents of the image.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry refused.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A layer can't be had.
    #[error(transparent)]
    Layers(#[from] ExecuteError),
    /// The archive could not be written.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The caller no longer wants it.
    #[error("cancelled")]
    Cancelled,
}

impl ImagesError {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
