//! Writes testimony about an image: what is in it, and how it was built.
//!
//! Enter by [`scan`] for an inventory of the store's deltas, by [`bill`] for a bill of materials of it, and by
//! [`Provenance`] for what is said of a build. Each becomes a [`Predicate`]; [`Predicate::statement`] binds it to an
//! image, [`referrer`] and [`beside`] make the documents that carry statements in registries and layouts.
//!
//! Invariant: equal inputs give equal bytes. No clock is read here, and no secret's value comes in.

mod artifact;
mod bill;
mod cyclonedx;
mod predicate;
mod provenance;
mod scan;
mod spdx;

#[cfg(test)]
mod tests;

pub use artifact::{Artifact, IN_TOTO, PREDICATE_TYPE, beside, referrer};
pub use bill::{BillForm, Described, bill};
pub use predicate::{About, Predicate, StatementForm, Subject, image_url, keep, kept};
pub use provenance::{ConfigSource, Dependency, Detail, Provenance, SlsaVersion, without_password};
pub use scan::{scan, scanned};
