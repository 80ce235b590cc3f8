//! Lists trees, compares them, and turns them into tars and back.
//!
//! Enter by [`Listing`], the sorted entries of one delta, and by [`View`], a stack of listings seen as one root
//! file system. [`DeltaWriter`] makes a delta on disk, [`scan`] lists one that a command left there; [`write_tar`]
//! and [`unpack`] lead to layers and back, [`LayerEncoder`] and [`decoder`] to their compressed form, and
//! [`flatten`] makes one delta of many.
//!
//! Invariant: a listing alone says what a delta is; the directory beside it only holds the bytes.

mod codec;
mod compression;
mod content;
mod deflate;
mod disk;
mod encoder;
mod entry;
mod error;
mod flatten;
mod host;
mod listing;
mod pax;
mod pump;
mod resolve;
mod scan;
mod sparse;
mod tar_reader;
mod tar_writer;
mod unpack;
mod view;
mod writer;

#[cfg(test)]
mod tests;

pub use compression::{Compression, DETECT, Format, NoSuchLevel, decoder, detect};
pub use content::Content;
pub use disk::remove_tree;
pub use encoder::{Encoded, LayerEncoder};
pub use entry::{Entry, Kind, Time, TreePath, Xattrs, tree_order};
pub use error::LayerError;
pub use flatten::{flatten, flatten_to};
pub use host::{Host, OverlayXattrs, Ownership};
pub use listing::{Listing, ListingError, MAX_PATH};
pub use resolve::{ResolveError, Resolved};
pub use scan::scan;
pub use tar_writer::{TarOptions, write_tar};
pub use unpack::{OpenLower, Unpack, Unpacked, read_tar, unpack};
pub use view::{Found, View, Walk};
pub use writer::{DeltaWriter, UNKNOWN_DIGEST};
