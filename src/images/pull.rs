//! Fetching an image whole.

use super::lists::keep_document;
use super::{ImagesError, Lists};
use crate::digest::BlobDigest;
use crate::execute::{BaseImage, fetch_layers};
use crate::oci::{Index, OciError, Platform, Reference, media};
use crate::registry::{self, Registries};
use crate::store::{ImageRecord, Store};

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

/// The same for all platforms: an index is kept as it is, with all its images. What is no index is pulled as it is.
///
/// # Errors
/// When the registry or the store refuses.
pub fn pull_all(store: &Store, registries: &Registries, name: &Reference) -> Result<PulledImage, ImagesError> {
    let name = name.clone().or_latest();
    let found = registries.look(&name)?;
    if media::kind(media::of_document(&found.bytes)) != media::Kind::Index {
        return pull(store, registries, &name, &Platform::host());
    }
    let index = Index::from_bytes(&found.bytes)?;
    if index.manifests.iter().any(|entry| entry.kind() == media::Kind::Index) {
        return Err(OciError::TooDeep(0).into());
    }
    let before = store.top_of(&name.to_string())?.map(|top| top.digest);
    let lists = Lists { store, registries };
    let mut entries = Vec::new();
    lists.of_registry(&name, found.clone(), 0, &mut entries)?;
    let digest = keep_document(store, &index, &found.bytes, &name)?;
    let top = store.top_of(&name.to_string())?.map(|top| top.images);
    for id in top.unwrap_or_default() {
        if let Some(record) = store.image(&id)? {
            fetch(store, registries, &name, record)?;
        }
    }
    let id = store.image_named(&name.to_string())?.map_or(digest, |record| record.id);
    Ok(PulledImage {
        is_new: before != Some(digest),
        digest,
        name,
        id,
    })
}

/// Ensures that the store has an image's layers.
fn fetch(store: &Store, registries: &Registries, name: &Reference, record: ImageRecord) -> Result<(), ImagesError> {
    let image = BaseImage::of_record(store, &name.to_string(), record)?.from_registry(registries, store)?;
    let layers: Vec<(&BaseImage, usize)> = (0..image.layers().len()).map(|index| (&image, index)).collect();
    Ok(fetch_layers(&layers, store)?)
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
    fetch(store, registries, &name, record)?;
    store.write(|records| records.put_name(&name.to_string(), &id))?;
    let origin = registry::origin(&id, store)?;
    Ok(PulledImage {
        digest: origin.and_then(|it| it.digest().copied()).unwrap_or(id),
        is_new: before != Some(id),
        name,
        id,
    })
}
