//! Holds OCI documents as immutable values and reads and writes layouts of them.
//!
//! Enter by [`Layout::open`] to read an image from a directory or a tar file, by [`Reference::parse`] for the name of one,
//! and by [`ImageConfig`], [`Manifest`] and [`Index`] to write documents: equal values give equal bytes, in Docker's
//! order of fields. [`validate`] recomputes every claim of a layout.
//!
//! Invariant: what comes out of a layout has the digest and size that its descriptor claims, or is an error. Digests
//! are over bytes, so documents that were read keep theirs.

mod archive;
mod config;
mod docker;
mod documents;
mod error;
mod layout;
pub mod media;
mod platform;
mod reference;
mod select;
mod time;
mod validate;

#[cfg(test)]
mod tests;

pub use config::{Empty, Healthcheck, History, ImageConfig, RootFs, RunConfig};
pub use documents::{Descriptor, Index, Manifest, annotations};
pub use error::OciError;
pub use layout::{Layout, LayoutBlob, LayoutReader};
pub use platform::{ParsePlatformError, Platform};
pub use reference::{ParseReferenceError, Reference};
pub use select::{ImageSource, Selector};
pub use time::{format_time, parse_time};
pub use validate::{Claims, validate};
