//! The documents that results travel in: an OCI manifest whose config is a list of records. FORMATS.md describes them.

use super::error::ExchangeError;
use super::record::{Bundle, Record};
use crate::digest::{BlobDigest, ContentId, DiffId, FileDigest, StepKey};
use crate::layer::Time;
use crate::oci::media::{self, Kind};
use crate::oci::{Descriptor, Manifest};
use crate::store::FarLayer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The media type of the list of records.
pub(super) const RECORDS: &str = "application/vnd.varve.cache.v1+json";
/// Under this name an image's config has the records of its own steps.
pub const INLINE: &str = "varve.cache.v1";
/// Largest list of records, in bytes.
pub(super) const LARGEST: u64 = 8 << 20;
/// Lists of up to so many bytes stand in the manifest itself, so that one request reads all.
const EMBEDDED: usize = 256 << 10;
/// Names of compressions are short.
const LONGEST_NAME: usize = 32;

#[derive(Serialize, Deserialize)]
struct Document {
    steps: BTreeMap<StepKey, Step>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    selections: BTreeMap<FileDigest, FileDigest>,
}

#[derive(Serialize, Deserialize)]
struct Step {
    content: ContentId,
    created: (i64, u32),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layer: Option<Layer>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    /// Its place among the layers of the manifest.
    number: usize,
    /// Absent in an image, whose config tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    diff_id: Option<DiffId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    compression: String,
}

/// A bundle as a manifest, and the blob that is its config.
pub(super) fn pack(bundle: &Bundle) -> (Manifest, Vec<u8>) {
    let mut layers: Vec<Descriptor> = Vec::new();
    let mut numbers: BTreeMap<BlobDigest, usize> = BTreeMap::new();
    let mut steps = BTreeMap::new();
    for (key, record) in &bundle.steps {
        let layer = record.layer.as_ref().map(|layer| Layer {
            number: *numbers.entry(layer.digest).or_insert_with(|| {
                layers.push(descriptor(layer));
                layers.len() - 1
            }),
            diff_id: Some(layer.diff_id),
            size: layer.tar_size,
            compression: layer.compression.clone(),
        });
        steps.insert(*key, step(record, layer));
    }
    let document = Document {
        steps,
        selections: bundle.selections.clone(),
    };
    let bytes = serde_json::to_vec(&document).unwrap_or_default();
    let mut config = Descriptor::of(RECORDS, &bytes);
    if bytes.len() <= EMBEDDED {
        config.data = Some(STANDARD.encode(&bytes));
    }
    let mut manifest = Manifest::new(media::OCI_MANIFEST, config, layers);
    manifest.artifact_type = Some(RECORDS.to_owned());
    (manifest, bytes)
}

/// The records of an image's steps, for its config; `numbers` are the places of their layers in the image, and
/// `compression` is how these travel.
pub fn inline(bundle: &Bundle, numbers: &BTreeMap<ContentId, usize>, compression: &str) -> Value {
    let steps = bundle.steps.iter().map(|(key, record)| {
        let layer = numbers.get(&record.content).map(|number| Layer {
            number: *number,
            diff_id: None,
            size: None,
            compression: compression.to_owned(),
        });
        (*key, step(record, layer))
    });
    let document = Document {
        steps: steps.collect(),
        selections: bundle.selections.clone(),
    };
    serde_json::to_value(&document).unwrap_or_default()
}

fn step(record: &Record, layer: Option<Layer>) -> Step {
    Step {
        content: record.content,
        created: (record.created.seconds, record.created.nanoseconds),
        layer,
    }
}

/// How a layer travels.
pub(super) fn descriptor(layer: &FarLayer) -> Descriptor {
    Descriptor::new(&layer.media_type, layer.digest, layer.size)
}

/// The document that stands in a manifest itself; `None` when it is a blob of its own.
pub(super) fn embedded(manifest: &Manifest) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(manifest.config.data.as_ref()?).ok()?;
    (crate::digest::Sha256::of(&bytes) == manifest.config.digest).then_some(bytes)
}

/// Reads records; `what` is where they lie, for messages.
pub(super) fn unpack(
    what: &str,
    bytes: &[u8],
    layers: &[Descriptor],
    diff_ids: &[DiffId],
) -> Result<Bundle, ExchangeError> {
    let wrong = |why: String| ExchangeError::Document {
        what: what.to_owned(),
        why,
    };
    let document: Document = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
    let mut bundle = Bundle {
        selections: document.selections,
        ..Bundle::default()
    };
    for (key, step) in document.steps {
        let (seconds, nanoseconds) = step.created;
        if nanoseconds >= 1_000_000_000 {
            return Err(wrong("a time makes no sense".to_owned()));
        }
        let layer = step.layer.map(|layer| far(layer, layers, diff_ids)).transpose();
        let record = Record {
            content: step.content,
            created: Time { seconds, nanoseconds },
            layer: layer.map_err(wrong)?,
        };
        bundle.steps.insert(key, record);
    }
    Ok(bundle)
}

fn far(layer: Layer, layers: &[Descriptor], diff_ids: &[DiffId]) -> Result<FarLayer, String> {
    let descriptor = layers.get(layer.number).ok_or("a layer is not in the manifest")?;
    let diff_id = layer.diff_id.or_else(|| diff_ids.get(layer.number).copied());
    if !matches!(descriptor.kind(), Kind::Layer(_)) {
        return Err(format!("`{}` is no layer", descriptor.media_type.escape_debug()));
    }
    if layer.compression.len() > LONGEST_NAME {
        return Err("the name of a compression is too long".to_owned());
    }
    Ok(FarLayer {
        diff_id: diff_id.ok_or("a layer has no diff ID")?,
        tar_size: layer.size,
        compression: layer.compression,
        media_type: descriptor.media_type.clone(),
        digest: descriptor.digest,
        size: descriptor.size,
    })
}
