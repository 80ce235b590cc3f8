//! Names bytes by what they are, and hashes values the same way forever.
//!
//! Enter by [`Fields`] to hash a value made of parts, by [`FileHasher`] to name a file's content,
//! by [`Sha256`] to name a blob as OCI does, and by [`Verifying`] to read one.
//! Different things have different types, so that one cannot be passed for another.
//!
//! Invariant: this room touches no file, clock or environment; equal input gives equal names in every release
//! that keeps the same context string.

mod fields;
mod names;
mod verifying;

pub use fields::{Fields, FileHasher, Sha256};
pub use names::{BlobDigest, ContentId, DiffId, FileDigest, ParseDigestError, StepKey, TreeId};
pub use verifying::{NotTheBlob, Verifying};
