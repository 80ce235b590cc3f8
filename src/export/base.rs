//! Layers of a base image that stay in the store with an image of it.

use super::ExportError;
use super::image::LayerPlace;
use super::layers::{Cancellable, Packer};
use crate::digest::{ContentId, DiffId, Sha256};
use crate::layer::{Format, decoder};
use crate::oci::Descriptor;
use crate::oci::media::{self, LayerForm};
use crate::store::StoreError;
use std::io;

/// The name of the compression that a base layer came with, whatever it is.
const AS_IT_CAME: &str = "as it came";

impl Packer<'_> {
    /// Makes sure that a base layer stays in the store with the image; gives its delta if it is unpacked.
    pub(super) fn keep_base(
        &self,
        diff_id: &DiffId,
        descriptor: &Descriptor,
        place: &LayerPlace,
    ) -> Result<Option<ContentId>, ExportError> {
        let content = match self.store.content_of(diff_id)? {
            Some(content) if self.store.has_delta(&content)? => Some(content),
            _ => None,
        };
        let (digest, size) = (descriptor.digest, descriptor.size);
        if self.store.blob_size(&digest)? != Some(size) {
            if content.is_some() {
                return Ok(content);
            }
            let layout = match place {
                LayerPlace::Layout(layout) => layout,
                LayerPlace::Store => return Err(StoreError::NoBlob(digest).into()),
                LayerPlace::Registry(pulled, number) => {
                    pulled.fetch(*number, self.store)?;
                    self.prove(diff_id, descriptor)?;
                    return Ok(content);
                }
            };
            let failed = |source| ExportError::Repack {
                diff_id: *diff_id,
                source,
            };
            let mut blob = self.store.blob_writer()?;
            let mut layer = layout.open_blob("layer", descriptor)?;
            io::copy(&mut layer, &mut Cancellable::new(&mut blob, self.cancelled))
                .map_err(|error| self.told(error, failed))?;
            blob.finish_expecting(&digest, size)?;
        }
        self.prove(diff_id, descriptor)?;
        Ok(content)
    }

    /// Remembers that a blob is a layer, if it is: other images that have the layer will believe it.
    fn prove(&self, diff_id: &DiffId, descriptor: &Descriptor) -> Result<(), ExportError> {
        let (digest, size) = (&descriptor.digest, descriptor.size);
        let known = self.store.read(|records| records.recorded_blobs_of(diff_id))?;
        if known.iter().any(|(_, known, _)| known == digest) {
            return Ok(());
        }
        let failed = |source| ExportError::Repack {
            diff_id: *diff_id,
            source,
        };
        let blob = self.store.open_blob(digest)?.ok_or(StoreError::NoBlob(*digest))?;
        let mut hash = Sha256::new();
        decoder(format_of(descriptor), blob)
            .and_then(|mut plain| io::copy(&mut plain, &mut Cancellable::new(&mut hash, self.cancelled)))
            .map_err(|error| self.told(error, failed))?;
        let found = hash.diff_id();
        if found != *diff_id {
            return Err(ExportError::WrongLayer {
                expected: *diff_id,
                found,
            });
        }
        Ok(self.store.put_blob_of(diff_id, AS_IT_CAME, digest, size)?)
    }
}

/// How a layer is compressed, as its descriptor says.
pub(super) fn format_of(descriptor: &Descriptor) -> Format {
    match descriptor.kind() {
        media::Kind::Layer(LayerForm::Gzip) => Format::Gzip,
        media::Kind::Layer(LayerForm::Zstd) => Format::Zstd,
        _ => Format::Tar,
    }
}
