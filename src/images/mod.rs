//! Finds, saves, loads and pulls images of the store.
//!
//! Enter by [`find`], [`save`], [`load`] or [`pull`]; [`Lists`] joins images to indexes.
//!
//! Invariant: an image that was saved and loaded again has the ID that it had. What is loaded gets a name only when each
//! of its layers is what the image's config says.

mod error;
mod find;
mod lists;
mod load;
mod pull;
mod save;
mod testimony;

pub use error::ImagesError;
pub use find::{StoredImage, all, find, for_platform, tags_of};
pub use lists::{List, Lists, raw};
pub use load::{Incoming, Loaded, load};
pub use pull::{PulledImage, pull, pull_all};
pub use save::{ArchiveForm, Chosen, save};
pub use testimony::{far_testimony, kept_testimony, layout_testimony};
