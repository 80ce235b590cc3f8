//! Images whose documents are there already, in an archive.

use super::ExportError;
use super::documents::Node;
use super::image::{Image, LayerSource};
use super::layers::{Blob, Bytes, Packer};
use super::member::Annotations;
use super::output::{Destination, write_to};
use super::packed::{Packed, PackedImage, family_for};
use crate::digest::BlobDigest;
use crate::layer::{Compression, Time};
use crate::oci::media::Family;
use crate::oci::{Descriptor, ImageConfig, Manifest, Reference};
use crate::registry::Registries;
use crate::store::Store;

/// An image that is written as it is.
#[derive(Debug, Clone)]
pub struct SavedImage {
    /// Its config.
    pub config: ImageConfig,
    /// The same as it is, byte by byte.
    pub config_bytes: Vec<u8>,
    /// The manifest that it came with, which is used as long as the store has all that it names.
    pub manifest: Option<(Manifest, Vec<u8>)>,
    /// What its names lead to, if that is more than the image: it is written in the image's place.
    pub top: Option<BlobDigest>,
    /// Its layers, lowest first.
    pub layers: Vec<LayerSource>,
    /// Its names.
    pub names: Vec<Reference>,
}

/// Writes images to one tar file: an OCI layout, with `docker` one that `docker load` reads as well.
///
/// # Errors
/// When a layer is not what the image says, or can't be had; the destination is then as it was.
pub fn save(
    store: &Store,
    images: &[SavedImage],
    docker: bool,
    compression: Compression,
    destination: Destination<'_>,
    registries: &Registries,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<(), ExportError> {
    let packer = Packer {
        store,
        epoch: None,
        cancelled,
        pool: None,
    };
    let packed = images
        .iter()
        .map(|image| pack(&packer, image, docker, compression, registries))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(all) = Packed::joined(packed) else {
        return Ok(());
    };
    write_to(destination, &|sink, failed| {
        all.write_tar(&packer, docker, sink, failed)
    })
}

/// Gives an image of the store a manifest, whose blobs the store has then.
///
/// # Errors
/// As [`save`].
pub fn seal(
    store: &Store,
    image: &SavedImage,
    registries: &Registries,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Sealed, ExportError> {
    let packer = Packer {
        store,
        epoch: None,
        cancelled,
        pool: None,
    };
    let packed = pack(&packer, image, false, Compression::GZIP, registries)?;
    Ok(Sealed {
        blobs: super::keep::keep_blobs(&packer, &packed)?,
        manifest: packed.top,
    })
}

/// An image with a manifest.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Points at the manifest, and says its platform.
    pub manifest: Descriptor,
    /// Everything that the manifest names, and itself.
    pub blobs: Vec<BlobDigest>,
}

fn pack(
    packer: &Packer<'_>,
    image: &SavedImage,
    docker: bool,
    compression: Compression,
    registries: &Registries,
) -> Result<Packed, ExportError> {
    if let Some(top) = &image.top {
        return Node::read(packer.store, top, registries)?.packed(packer.store, &image.names);
    }
    if let Some((manifest, bytes)) = &image.manifest
        && let Some(blobs) = as_it_came(packer, manifest)?
    {
        let config = Blob {
            descriptor: manifest.config.clone(),
            bytes: Bytes::Here(image.config_bytes.clone()),
        };
        let packed = PackedImage::of(&image.config, config, manifest.clone(), bytes.clone(), blobs);
        return Ok(Packed::one(packed, &image.names));
    }
    let whole = Image {
        config: image.config.clone(),
        layers: image.layers.clone(),
        history: Vec::new(),
        created: Time::default(),
    };
    let wanted = if docker { Family::Docker } else { Family::Oci };
    let (named, blobs) = packer.name_and_pack(&whole, compression, false, wanted)?;
    for (layer, expected) in named.iter().zip(&image.config.rootfs.diff_ids) {
        if layer.diff_id != *expected {
            return Err(ExportError::WrongLayer {
                expected: *expected,
                found: layer.diff_id,
            });
        }
    }
    let family = family_for(wanted, &blobs);
    let bytes = image.config_bytes.clone();
    let packed = PackedImage::new(&image.config, bytes, blobs, family, &Annotations::default());
    Ok(Packed::one(packed, &image.names))
}

/// The layers of a manifest, if the store has them all.
fn as_it_came(packer: &Packer<'_>, manifest: &Manifest) -> Result<Option<Vec<Blob>>, ExportError> {
    let mut blobs = Vec::with_capacity(manifest.layers.len());
    for layer in &manifest.layers {
        if packer.store.blob_size(&layer.digest)? != Some(layer.size) {
            return Ok(None);
        }
        blobs.push(Blob {
            descriptor: Descriptor::clone(layer),
            bytes: Bytes::Stored,
        });
    }
    Ok(Some(blobs))
}
