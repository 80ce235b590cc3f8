//! Assembles a finished stage into an image and hands it out.
//!
//! Enter by [`export`] with a [`Member`] for each [`Image`] and an [`Output`]; one image is a manifest, several are an
//! index. [`image_id`] only names an image, and [`tag`] puts it into the local store under names; [`Ahead`] packs large
//! layers before that. Layers are packed once: what a delta is as a tar, and what that tar is compressed, stays in the
//! store.
//!
//! Invariant: equal images and options give equal bytes, on any machine and with any number of threads. A destination
//! is complete or untouched.

mod ahead;
mod archive;
mod base;
mod destination;
mod documents;
mod error;
mod image;
mod keep;
mod layers;
mod layout;
mod local;
mod member;
mod output;
mod packed;
mod push;
mod save;
mod single;
mod tree;

#[cfg(test)]
mod tests;

pub use ahead::Ahead;
pub use documents::push_top;
pub use error::ExportError;
pub use image::{HistoryLine, Image, LayerPlace, LayerSource};
pub use layers::Epoch;
pub use member::{Annotations, Attest, Attestation, IndexNotes, Member, Records, Subject};
pub use output::{Destination, Exported, Options, Output, Tell, export, image_id, tag, write_file};
pub use push::{Stored, push_stored};
pub use save::{SavedImage, Sealed, save, seal};
pub use single::{Patience, pack_layer};
