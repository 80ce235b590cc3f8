//! Exchanges results of steps with other machines, through registries and directories.
//!
//! Enter by [`Imports`], which answers what others have done and brings their layers when somebody wants files, and by
//! [`Exchange`], the trait of all places where results lie: [`RegistryExchange`], and [`LocalExchange`] for a directory.
//!
//! Invariant: what comes from a place is somebody's claim. A layer becomes a delta of the store only when its blob, its
//! tar and its listing have the names that were claimed; whatever else goes wrong is a warning and a miss.

mod document;
mod error;
mod imports;
mod local;
mod mounts;
mod record;
mod registry;
mod unpack;

#[cfg(test)]
mod tests;

pub use document::{INLINE, inline};
pub use error::{ExchangeError, Lost};
pub use imports::{Imports, layer_elsewhere};
pub use local::LocalExchange;
pub use mounts::MountSet;
pub use record::{Bundle, Place, Record};
pub use registry::RegistryExchange;

use crate::digest::{BlobDigest, FileDigest, StepKey};
use crate::layer::Host;
use crate::oci::Descriptor;
use crate::registry::PartBytes;
use crate::store::Store;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// A place where results of steps lie: records by key, and layers by digest.
pub trait Exchange: fmt::Debug + Send + Sync {
    /// Which place it is.
    fn place(&self) -> &Place;

    /// What the build that wrote there last had, if it can be read at once.
    ///
    /// # Errors
    /// [`ExchangeError`]; nothing there is no error.
    fn bundle(&self, store: &Store) -> Result<Option<Bundle>, ExchangeError>;

    /// What one step left, whoever wrote it.
    ///
    /// # Errors
    /// [`ExchangeError`]; nothing there is no error.
    fn record(&self, key: &StepKey) -> Result<Option<Record>, ExchangeError>;

    /// What a cache mount held when it was exported last, by its identity.
    ///
    /// # Errors
    /// [`ExchangeError`]; nothing there is no error.
    fn mount(&self, identity: &FileDigest, store: &Store) -> Result<Option<MountSet>, ExchangeError>;

    /// Ensures that the store has a blob, with the digest and size that were claimed.
    ///
    /// # Errors
    /// [`ExchangeError`].
    fn fetch(&self, blob: &Descriptor, store: &Store) -> Result<(), ExchangeError>;

    /// Keeps what one step left, with its layer, for whoever asks for its key.
    ///
    /// # Errors
    /// [`ExchangeError`].
    fn put_record(&self, key: &StepKey, record: &Record, bytes: &PartBytes, store: &Store)
    -> Result<(), ExchangeError>;

    /// Keeps what a build had, in place of what another left there; `bytes` are the layers that may have to be sent.
    ///
    /// # Errors
    /// [`ExchangeError`].
    fn put_bundle(
        &self,
        bundle: &Bundle,
        bytes: &BTreeMap<BlobDigest, PartBytes>,
        store: &Store,
    ) -> Result<(), ExchangeError>;

    /// Keeps what a cache mount holds; blobs of `before`, which was there, are not sent.
    ///
    /// # Errors
    /// [`ExchangeError`].
    fn put_mount(
        &self,
        identity: &FileDigest,
        set: &MountSet,
        before: Option<&MountSet>,
        store: &Store,
    ) -> Result<(), ExchangeError>;
}

/// Fills an empty folder with what a place has of a cache mount; `false` when it has nothing.
///
/// # Errors
/// [`ExchangeError`]; then the folder may have a part of it.
pub fn bring_mount(
    place: &dyn Exchange,
    identity: &FileDigest,
    folder: &Path,
    store: &Store,
    host: &Host,
) -> Result<bool, ExchangeError> {
    let Some(set) = place.mount(identity, store)? else {
        return Ok(false);
    };
    let mut fetched = Vec::new();
    for blob in set.blobs() {
        if store.blob_size(&blob.digest)?.is_none() {
            place.fetch(blob, store)?;
            fetched.push(blob.digest);
        }
    }
    let filled = set.to_folder(folder, store, host);
    // Nothing else needs them.
    for blob in fetched {
        store.discard_blob(&blob)?;
    }
    filled.map(|()| true)
}

/// Keeps what a folder of a cache mount holds at a place. Gives the bytes that were new there.
///
/// # Errors
/// [`ExchangeError`].
pub fn send_mount(
    place: &dyn Exchange,
    identity: &FileDigest,
    folder: &Path,
    store: &Store,
    host: &Host,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<u64, ExchangeError> {
    // One that can't be read is replaced.
    let before = place.mount(identity, store).ok().flatten();
    let set = MountSet::of_folder(folder, before.as_ref(), store, host, cancelled)?;
    place.put_mount(identity, &set, before.as_ref(), store)?;
    let new = mounts::new_blobs(&set, before.as_ref());
    let sizes = set
        .blobs()
        .filter(|blob| new.contains(&blob.digest))
        .map(|blob| blob.size);
    let size = sizes.sum();
    for blob in &new {
        store.discard_blob(blob)?;
    }
    Ok(size)
}
