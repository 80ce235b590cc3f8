//! Keeps bytes and trees by digest: crash-safe in, verified out, collectable.
//!
//! Enter by [`Store::open`]. Blobs go in by [`Store::blob_writer`] and come out of [`Store::open_blob`]; trees go in as a
//! [`Draft`] that [`Store::keep`] turns into a [`Delta`]; small facts are [`Records`] of the database.
//!
//! One folder, shared by any number of builds at once:
//!
//! | name | holds |
//! |---|---|
//! | `blobs/sha256/HEX` | blobs, in the form of an OCI layout's shared blob folder |
//! | `deltas/v1/HEX/{tree,listing}` | deltas by [`ContentId`](crate::digest::ContentId); `boot` names the boot that wrote it, until it is known to be on disk |
//! | `contexts/v1/HEX` | one stat index per context directory |
//! | `mounts/v1/HEX/N` | cache mounts |
//! | `tmp/` | whatever is not finished; its owner holds a lock on it |
//! | `varve.db` | records, in SQLite |
//!
//! Invariant: a name appears only when everything below it is complete. A row may outlive the files it speaks of, so
//! whoever reads a row looks whether the files are there, and a missing one is a miss and no error.

mod account;
mod blob;
mod clock;
mod database;
mod delta;
mod draft;
mod elsewhere;
mod error;
mod follow;
mod images;
mod lock;
mod mounts;
mod records;
mod remove;
mod root;
mod sweep;
mod tops;
mod work;

#[cfg(test)]
mod tests;

pub use account::Account;
pub use blob::{BlobReader, BlobWriter};
pub use clock::now;
pub use delta::Delta;
pub use draft::Draft;
pub use elsewhere::{Elsewhere, FarLayer, Known};
pub use error::StoreError;
pub use follow::BlobFollower;
pub use images::{ImageLayer, ImageRecord};
pub use lock::StepGuard;
pub use mounts::{CacheMount, MountSharing};
pub use records::{LayerRecord, Records, StepDone, StepRecord};
pub use root::{Durability, Options, Store};
pub use sweep::{Pruned, Retention, Share, Usage};
pub use tops::TopRecord;
