//! One layer as a blob of the store, for those who hand out layers without an image.

use super::ExportError;
use super::ahead::be_patient;
use super::layers::Packer;
use crate::digest::{BlobDigest, ContentId};
use crate::layer::Compression;
use crate::oci::media::{Family, LayerForm};
use crate::store::{FarLayer, LayerRecord, Store};
use std::fmt;
use std::sync::Arc;

/// Threads that compress with less right to the processors than steps have.
#[derive(Clone)]
pub struct Patience(Arc<rayon::ThreadPool>);

impl Patience {
    /// Makes the calling thread one that lets others go first, and gives it helpers; `None` where there are no threads.
    pub fn learn() -> Option<Self> {
        be_patient();
        let pool = rayon::ThreadPoolBuilder::new().thread_name(|_| "layers ahead".to_owned());
        pool.build().ok().map(|pool| Self(Arc::new(pool)))
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patience")
    }
}

/// Packs a delta of the store, unless that was done before, and says what its layer is. The blob is in the store then.
///
/// # Errors
/// [`ExportError`].
pub fn pack_layer(
    store: &Store,
    content: &ContentId,
    compression: Compression,
    patience: Option<&Patience>,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<FarLayer, ExportError> {
    let packer = Packer {
        store,
        epoch: None,
        cancelled,
        pool: patience.map(|patience| Arc::clone(&patience.0)),
    };
    let form = match compression {
        Compression::None => LayerForm::Tar,
        Compression::Gzip { .. } => LayerForm::Gzip,
        Compression::Zstd { .. } => LayerForm::Zstd,
    };
    let far = |layer: LayerRecord, digest, size| FarLayer {
        diff_id: layer.diff_id,
        tar_size: Some(layer.size),
        compression: compression.name(),
        media_type: Family::Oci.layer(form).to_owned(),
        digest,
        size,
    };
    if compression == Compression::None {
        let layer = packer.delta_record(content)?;
        let digest = BlobDigest::from_bytes(*layer.diff_id.as_bytes());
        let layer = far(layer, digest, layer.size);
        packer.keep_tar(
            content,
            None,
            &crate::oci::Descriptor::new(&layer.media_type, digest, layer.size),
        )?;
        return Ok(layer);
    }
    if let Some(layer) = store.layer_of(content)?
        && let Some((digest, size)) = store.blob_of(&layer.diff_id, &compression.name())?
    {
        return Ok(far(layer, digest, size));
    }
    let encoded = packer.compress_delta(content, None, compression)?;
    let layer = LayerRecord {
        diff_id: encoded.diff_id,
        size: encoded.uncompressed_size,
    };
    Ok(far(layer, encoded.digest, encoded.size))
}
