//! Images into the local store.

use super::ExportError;
use super::image::LayerSource;
use super::layers::{Bytes, Named, Packer};
use super::output::{Exported, Exporter};
use super::packed::Packed;
use super::{LayerPlace, Member};
use crate::digest::BlobDigest;
use crate::oci::Descriptor;
use crate::oci::Platform;
use crate::oci::media::Family;
use crate::store::{FarLayer, ImageLayer, ImageRecord, StoreError, TopRecord};

impl Exporter<'_> {
    /// Puts the images into the store, under the names of the options.
    pub(super) fn keep(&self) -> Result<Exported, ExportError> {
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        let [only] = self.members else {
            return self.keep_packed(names);
        };
        let plain = only.annotations.manifest.is_empty() && only.attest.is_none();
        if !plain || self.options.keep_manifest || self.options.always_index || !self.options.canonical.is_empty() {
            return self.keep_packed(names);
        }
        let named = self.packer.name(only.image)?;
        let (config, record) = self.record(only, &named)?;
        self.packer.store.put_image(&record, &names)?;
        Ok(Exported {
            config: Some(config),
            ..Exported::default()
        })
    }

    /// The same with the documents that lead to the images.
    fn keep_packed(&self, mut names: Vec<String>) -> Result<Exported, ExportError> {
        let store = self.packer.store;
        let (named, packed) = self.pack(false)?;
        let mut records = Vec::with_capacity(self.members.len());
        for (member, named) in self.members.iter().zip(&named) {
            records.push(self.record(member, named)?.1);
        }
        let top = TopRecord {
            digest: packed.top.digest,
            images: records.iter().map(|record| record.id).collect(),
            blobs: keep_blobs(&self.packer, &packed)?,
        };
        let canonical = self.options.canonical.iter().cloned();
        names.extend(canonical.map(|name| name.without_tag().with_digest(top.digest).to_string()));
        let host = Platform::host();
        let rank = |member: &super::Member<'_>| host.rank(&member.image.config.platform()).unwrap_or(usize::MAX);
        let ranked = self.members.iter().zip(&records).min_by_key(|(member, _)| rank(member));
        let here: BlobDigest = ranked.map(|(_, record)| record.id).ok_or(ExportError::NoImage)?;
        store
            .write(|to| {
                for record in &records {
                    to.put_image(record, &[])?;
                }
                to.put_top(&top)?;
                names
                    .iter()
                    .try_for_each(|name| to.put_name_of_top(name, &here, &top.digest))
            })
            .map_err(|error: StoreError| ExportError::from(error))?;
        Ok(self.exported(packed))
    }

    /// What the store says of an image, whose config and layers it has then.
    fn record(&self, member: &Member<'_>, named: &[Named]) -> Result<(Descriptor, ImageRecord), ExportError> {
        let store = self.packer.store;
        let image = member.image;
        let document = self.document(member, named).to_bytes();
        let config = Descriptor::of(Family::Oci.config(), &document);
        store.put_blob(&document)?;
        let mut size = 0_u64;
        let mut layers = Vec::with_capacity(named.len());
        for (layer, source) in named.iter().zip(&image.layers) {
            let content = match source {
                _ if self.packer.keep_clamped(layer, self.options.compression)? => None,
                LayerSource::Delta(content) => Some(*content),
                LayerSource::Blob {
                    diff_id,
                    descriptor,
                    place,
                } => self.packer.keep_base(diff_id, descriptor, place)?,
                LayerSource::Told { layer, place } => {
                    self.keep_told(layer, place)?;
                    None
                }
            };
            let bytes = match (layer.size, source) {
                (Some(size), _) => size,
                (None, LayerSource::Blob { descriptor, .. }) => match content {
                    Some(content) => store.listing(&content).map_or(descriptor.size, |it| it.total_size()),
                    None => descriptor.size,
                },
                (None, LayerSource::Told { layer, .. }) => layer.size,
                (None, LayerSource::Delta(_)) => 0,
            };
            size = size.saturating_add(bytes);
            layers.push(ImageLayer {
                diff_id: layer.diff_id,
                content,
            });
        }
        let record = ImageRecord {
            id: config.digest,
            manifest: None,
            layers,
            created: image.created(self.options.epoch.as_ref()),
            size,
        };
        Ok((config, record))
    }

    /// Makes sure that a step's layer stays in the store with the image. It was looked at when it was fetched.
    fn keep_told(&self, layer: &FarLayer, place: &LayerPlace) -> Result<(), ExportError> {
        let store = self.packer.store;
        if let LayerPlace::Registry(pulled, number) = place {
            pulled.fetch(*number, store)?;
        }
        match store.recorded_as(layer)? {
            true => Ok(()),
            false => Err(StoreError::NoBlob(layer.digest).into()),
        }
    }
}

/// Puts all blobs into the store, and names them.
pub(super) fn keep_blobs(packer: &Packer<'_>, packed: &Packed) -> Result<Vec<BlobDigest>, ExportError> {
    let store = packer.store;
    for blob in packed.blobs.values() {
        match &blob.bytes {
            Bytes::Here(bytes) => drop(store.put_blob(bytes)?),
            Bytes::Stored => {}
            // Layers of bases were kept with the image that has them.
            Bytes::Layout(part) => {
                let mut into = store.blob_writer()?;
                let mut sink = super::destination::Sink::Stream(&mut into);
                sink.copy(part.file(), part.offset(), part.size(), packer.cancelled)
                    .map_err(ExportError::io("copy a layer of", "the layout of the base image"))?;
                into.finish_expecting(&blob.descriptor.digest, blob.descriptor.size)?;
            }
            Bytes::Registry(pulled, number) => drop(pulled.fetch(*number, store)?),
            Bytes::Tar { content, clamp } => packer.keep_tar(content, *clamp, &blob.descriptor)?,
        }
    }
    Ok(packed.blobs.keys().copied().collect())
}
