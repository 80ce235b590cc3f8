//! Fetching an image whole.

use super::ImagesError;
use crate::digest::BlobDigest;
use crate::execute::{BaseImage, fetch_layers};
use crate::oci::{Platform, Reference};
use crate::registry::{self, Registries};
use crate::store::Store;

/// What was pulled.
#[derive(Debug, Clone)]
pub struct PulledImage {
    /// Its name in full.
    pub name: Reference,
    /// Its ID.
    pub id: BlobDigest,
    /// What the name led to first: an index, or the manifest itself.
    pub digest: BlobDigest,
    /// Whether the name meant another image before, or none.
    pub is_new: bool,
}

/// Asks a registry for what a name means now, and ensures that the store has all of it, under that name.
///
/// # Errors
/// When the registry or the store refuses.
pub fn pull(
    store: &Store,
    registries: &Registries,
    name: &Reference,
    platform: &Platform,
) -> Result<PulledImage, ImagesError> {
    let name = name.clone().or_latest();
    let before = store.image_named(&name.to_string())?.map(|record| record.id);
    let record = match registries.still_means(&name, platform, store)? {
        Some(record) => record,
        None => {
            let pulled = registries.pull(&name, platform, store)?;
            registries.keep(&name, platform, &pulled, store)?
        }
    };
    let id = record.id;
    let image = BaseImage::of_record(store, &name.to_string(), record)?.from_registry(registries, store)?;
    let layers: Vec<(&BaseImage, usize)> = (0..image.layers().len()).map(|index| (&image, index)).collect();
    fetch_layers(&layers, store)?;
    store.write(|records| records.put_name(&name.to_string(), &id))?;
    let origin = registry::origin(&id, store)?;
    Ok(PulledImage {
        digest: origin.and_then(|it| it.digest().copied()).unwrap_or(id),
        is_new: before != Some(id),
        name,
        id,
    })
}
