//! Images to registries: one that was just built, or one of the store.

use super::ExportError;
use super::image::{Image, LayerSource};
use super::layers::{Bytes, Packer};
use super::member::Annotations;
use super::output::Tell;
use super::packed::{Packed, PackedImage, family_for};
use crate::digest::{BlobDigest, Sha256};
use crate::layer::{Compression, Time};
use crate::oci::media::Family;
use crate::oci::{Descriptor, ImageConfig, Manifest, Reference};
use crate::registry::{Parcel, Part, PartBytes, Registries};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An image of the store, as it is to be pushed.
#[derive(Debug)]
pub struct Stored {
    /// Its config, byte by byte.
    pub config: Vec<u8>,
    /// The manifest that it came with, byte by byte, if it came from a registry.
    pub manifest: Option<Vec<u8>>,
    /// Its layers, lowest first.
    pub layers: Vec<LayerSource>,
}

/// Takes an image of the store to names. One that came from a registry goes as it came.
///
/// # Errors
/// [`ExportError`]. Names that come earlier have the image then.
pub fn push_stored(
    store: &Store,
    image: &Stored,
    names: &[Reference],
    registries: &Registries,
    tell: Tell<'_>,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<BlobDigest, ExportError> {
    let packer = Packer {
        store,
        epoch: None,
        cancelled,
        pool: None,
    };
    if let Some(parcel) = as_it_came(image) {
        return Ok(registries.push(&parcel, names, false, store, tell)?);
    }
    let config = ImageConfig::from_bytes(&image.config)?;
    let finished = Image {
        config: config.clone(),
        layers: image.layers.clone(),
        history: Vec::new(),
        created: Time::default(),
    };
    let (named, blobs) = packer.name_and_pack(&finished, Compression::GZIP, false, Family::Oci)?;
    if !named
        .iter()
        .map(|layer| layer.diff_id)
        .eq(config.rootfs.diff_ids.iter().copied())
    {
        return Err(ExportError::Unfit(Sha256::of(&image.config)));
    }
    let family = family_for(Family::Oci, &blobs);
    let packed = PackedImage::new(&config, image.config.clone(), blobs, family, &Annotations::default());
    let packed = Packed::one(packed, names);
    push(&packer, &packed, names, registries, false, tell)
}

/// Takes a packed image to names.
pub(super) fn push(
    packer: &Packer<'_>,
    packed: &Packed,
    names: &[Reference],
    registries: &Registries,
    by_digest: bool,
    tell: Tell<'_>,
) -> Result<BlobDigest, ExportError> {
    if names.is_empty() {
        return Err(ExportError::NoName);
    }
    let mut parts = BTreeMap::new();
    let mut documents = BTreeMap::new();
    for (digest, blob) in &packed.blobs {
        let mut others = packed.listed.iter().chain(&packed.referring);
        let is_manifest = *digest == packed.top.digest || others.any(|it| it.digest == *digest);
        let bytes = match &blob.bytes {
            Bytes::Here(bytes) if is_manifest => {
                documents.insert(*digest, bytes);
                continue;
            }
            Bytes::Here(bytes) => PartBytes::Here(Arc::from(&bytes[..])),
            Bytes::Stored => PartBytes::Stored,
            Bytes::Layout(part) => {
                let file = part.file().try_clone();
                let file = file.map_err(ExportError::io("open", "the layout of the base image"))?;
                PartBytes::File(Arc::new(file), part.offset())
            }
            Bytes::Registry(pulled, number) => PartBytes::Far(pulled.clone(), *number),
            Bytes::Tar { content, clamp } => {
                packer.keep_tar(content, *clamp, &blob.descriptor)?;
                PartBytes::Stored
            }
        };
        let descriptor = blob.descriptor.clone();
        parts.insert(*digest, Part { descriptor, bytes });
    }
    let parcel = |manifest: &Descriptor, below: Vec<Parcel>| -> Result<Parcel, ExportError> {
        let bytes = documents.get(&manifest.digest).map(|bytes| bytes.to_vec());
        let bytes = bytes.unwrap_or_default();
        let wanted = match packed.listed.is_empty() || manifest.digest != packed.top.digest {
            true => Manifest::from_bytes(&bytes)?.blobs(),
            false => Vec::new(),
        };
        Ok(Parcel {
            media_type: manifest.media_type.clone(),
            manifest: bytes,
            parts: wanted.iter().filter_map(|digest| parts.get(digest).cloned()).collect(),
            below,
        })
    };
    let referring = packed.referring.iter().map(|manifest| parcel(manifest, Vec::new()));
    let referring = referring.collect::<Result<Vec<_>, _>>()?;
    let below = packed.listed.iter().map(|manifest| parcel(manifest, Vec::new()));
    let below = below.collect::<Result<Vec<_>, _>>()?;
    let parcel = parcel(&packed.top, below)?;
    let digest = registries.push(&parcel, names, by_digest, packer.store, tell)?;
    let repositories: BTreeSet<String> = names
        .iter()
        .map(|name| format!("{}/{}", name.registry(), name.repository()))
        .collect();
    for repository in repositories {
        let repository = repository.parse().map_err(|_| ExportError::NoName)?;
        for parcel in &referring {
            registries.refer(&repository, parcel, packer.store, tell)?;
        }
    }
    Ok(digest)
}

/// An image with the manifest that it came with, if all that it names can still be had.
fn as_it_came(image: &Stored) -> Option<Parcel> {
    let bytes = image.manifest.as_ref()?;
    let manifest = Manifest::from_bytes(bytes).ok()?;
    if manifest.layers.len() != image.layers.len() || manifest.config.digest != Sha256::of(&image.config) {
        return None;
    }
    let mut parts = vec![Part {
        descriptor: manifest.config.clone(),
        bytes: PartBytes::Here(Arc::from(&image.config[..])),
    }];
    for (wanted, layer) in manifest.layers.iter().zip(&image.layers) {
        let LayerSource::Blob { descriptor, place, .. } = layer else {
            return None;
        };
        if descriptor.digest != wanted.digest {
            return None;
        }
        let bytes = match place {
            super::LayerPlace::Store => PartBytes::Stored,
            super::LayerPlace::Registry(pulled, number) => PartBytes::Far(pulled.clone(), *number),
            super::LayerPlace::Layout(_) => return None,
        };
        parts.push(Part {
            descriptor: wanted.clone(),
            bytes,
        });
    }
    let media_type = match manifest.media_type.is_empty() {
        true => Family::Oci.manifest().to_owned(),
        false => manifest.media_type.clone(),
    };
    Some(Parcel {
        media_type,
        manifest: bytes.clone(),
        parts,
        below: Vec::new(),
    })
}
