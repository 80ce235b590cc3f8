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
mod record;
mod registry;
mod unpack;

#[cfg(test)]
mod tests;

pub use document::{INLINE, inline};
pub use error::{ExchangeError, Lost};
pub use imports::{Imports, layer_elsewhere};
pub use local::LocalExchange;
pub use record::{Bundle, Place, Record};
pub use registry::RegistryExchange;

use crate::digest::{BlobDigest, StepKey};
use crate::registry::PartBytes;
use crate::store::{FarLayer, Store};
use std::collections::BTreeMap;
use std::fmt;

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

    /// Ensures that the store has a layer's blob, with the digest and size that were claimed.
    ///
    /// # Errors
    /// [`ExchangeError`].
    fn fetch(&self, layer: &FarLayer, store: &Store) -> Result<(), ExchangeError>;

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
}
