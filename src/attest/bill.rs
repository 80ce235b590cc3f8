//! Bills of materials: an inventory as a document about an image.

use super::predicate::{About, Predicate};
use super::{cyclonedx, spdx};
use crate::digest::{BlobDigest, Sha256};
use crate::inventory::Inventory;

/// The form of a bill of materials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BillForm {
    /// SPDX 2.3, in JSON.
    #[default]
    Spdx,
    /// CycloneDX 1.6, in JSON.
    CycloneDx,
}

/// The image that a bill is about.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    /// Its name, or some words.
    pub name: &'a str,
    /// Its package URL, where it has a name.
    pub url: Option<&'a str>,
    /// The digest of its config, which is the same in all forms in which it travels.
    pub digest: &'a BlobDigest,
    /// When it was made: the time of the document, RFC 3339.
    pub created: &'a str,
}

/// Writes the bill of an inventory.
pub fn bill(form: BillForm, of: &Described<'_>, inventory: &Inventory) -> Predicate {
    let (kind, body) = match form {
        BillForm::Spdx => ("https://spdx.dev/Document", spdx::document(of, inventory)),
        BillForm::CycloneDx => ("https://cyclonedx.org/bom", cyclonedx::document(of, inventory)),
    };
    Predicate {
        about: About::Bill,
        kind: kind.to_owned(),
        body,
    }
}

/// The time in whole seconds, as SPDX wants it.
pub(super) fn to_seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.to_owned(),
    }
}

/// A short name for a text, the same whenever it is asked for.
pub(super) fn short_name(text: &str) -> String {
    let mut name = Sha256::of(text.as_bytes()).hex();
    name.truncate(16);
    name
}

/// A UUID that is made of a digest (RFC 9562, version 8).
pub(super) fn uuid(digest: &BlobDigest) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    bytes[6] = 0x80 | bytes[6] & 0x0f;
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// The program that wrote the document.
pub(super) const TOOL: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
