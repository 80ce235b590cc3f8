//! Images of the store become archives.

use super::{ImagesError, StoredImage};
use crate::digest::DiffId;
use crate::execute::BaseImage;
use crate::export::{self, Destination, LayerPlace, LayerSource, SavedImage};
use crate::layer::Compression;
use crate::oci::Reference;
use crate::registry::Registries;
use crate::store::Store;

/// The form of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveForm {
    /// What `docker load` reads, which is an OCI layout as well.
    Docker,
    /// An OCI layout.
    Oci,
}

/// An image to save, under these names.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The image.
    pub image: StoredImage,
    /// Names that the archive tells.
    pub names: Vec<Reference>,
}

/// Writes images to one archive. An image that came with a manifest keeps it, as long as its layers are there as they
/// came; others get one.
///
/// # Errors
/// When the bytes of an image can't be had, and when the archive can't be written.
pub fn save(
    store: &Store,
    chosen: &[Chosen],
    form: ArchiveForm,
    compression: Compression,
    destination: Destination<'_>,
    registries: &Registries,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<(), ImagesError> {
    let mut saved = Vec::with_capacity(chosen.len());
    for Chosen { image, names } in chosen {
        saved.push(saved_image(store, image, names.clone(), registries)?);
    }
    let docker = form == ArchiveForm::Docker;
    Ok(export::save(
        store,
        &saved,
        docker,
        compression,
        destination,
        registries,
        cancelled,
    )?)
}

/// An image as the exporter takes it.
pub(super) fn saved_image(
    store: &Store,
    image: &StoredImage,
    names: Vec<Reference>,
    registries: &Registries,
) -> Result<SavedImage, ImagesError> {
    let form = SavedImage {
        config: image.config.clone(),
        config_bytes: image.config_bytes.clone(),
        manifest: None,
        top: None,
        layers: Vec::new(),
        names,
    };
    if let Some(top) = &image.top {
        return Ok(SavedImage {
            top: Some(top.digest),
            ..form
        });
    }
    let name = image
        .familiar()
        .first()
        .cloned()
        .unwrap_or_else(|| image.id().to_string());
    let base = BaseImage::of_record(store, &name, image.record.clone())?.from_registry(registries, store)?;
    let mut layers = Vec::with_capacity(base.layers().len());
    for (index, diff_id) in base.layers().iter().enumerate() {
        layers.push(layer(store, image, &base, index, diff_id, &name)?);
    }
    Ok(SavedImage {
        manifest: image.manifest(store)?,
        layers,
        ..form
    })
}

/// Where a layer's bytes are: a blob, else the delta that is exactly this layer, else the registry.
fn layer(
    store: &Store,
    image: &StoredImage,
    base: &BaseImage,
    index: usize,
    diff_id: &DiffId,
    name: &str,
) -> Result<LayerSource, ImagesError> {
    let content = image.record.layers.get(index).and_then(|layer| layer.content);
    let packed = store.read(|records| records.recorded_blobs_of(diff_id))?;
    let mut has_blob = false;
    for (_, digest, size) in &packed {
        has_blob |= store.blob_size(digest)? == Some(*size);
    }
    if !has_blob && let Some(content) = content {
        let known = store.layer_of(&content)?;
        // A delta of somebody else's layer is another tar when it is packed here.
        if store.has_delta(&content)? && known.is_none_or(|known| known.diff_id == *diff_id) {
            return Ok(LayerSource::Delta(content));
        }
    }
    match base.blob(index, store) {
        Ok(descriptor) => Ok(LayerSource::Blob {
            diff_id: *diff_id,
            descriptor: Box::new(descriptor),
            place: LayerPlace::Store,
        }),
        Err(crate::execute::ExecuteError::BlobGone { .. }) => Err(ImagesError::LayerGone {
            name: name.to_owned(),
            diff_id: *diff_id,
        }),
        Err(error) => Err(error.into()),
    }
}
