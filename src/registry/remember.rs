//! What the store remembers of images that were pulled, so that the next build asks nobody.

use super::{Pulled, Registries, RegistryError};
use crate::digest::{BlobDigest, Fields};
use crate::layer::Time;
use crate::oci::{ImageConfig, Platform, Reference, parse_time};
use crate::store::{ImageLayer, ImageRecord, Store};
use serde::{Deserialize, Serialize};

/// The kind of memo that knows where an image came from, by its ID. Pruning leaves it alone by this name.
const SOURCE: &str = "source of an image 1";
/// The kind of memo that knows what a name meant for a platform.
const MEANING: &str = "image of a name and platform 1";
/// The kind of memo that knows a repository which has a blob, by its registry and digest.
const HOLDER: &str = "repository with a blob 1";

#[derive(Serialize, Deserialize)]
struct Note {
    id: String,
    source: String,
    top: String,
}

impl Registries {
    /// Puts a pulled image into the store's list of images. It gets its name when it is for this machine, or when no
    /// image has the name.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn keep(
        &self,
        image: &Reference,
        platform: &Platform,
        pulled: &Pulled,
        store: &Store,
    ) -> Result<ImageRecord, RegistryError> {
        let name = image.clone().or_latest().to_string();
        let id = pulled.manifest().config.digest;
        let record = record_of(pulled, store)?;
        let for_this_machine = Platform::host().rank(&pulled.config().platform()).is_some();
        let named = for_this_machine || store.image_named(&name)?.is_none();
        let note = note_of(pulled);
        store.write(|records| {
            records.put_image(&record, if named { std::slice::from_ref(&name) } else { &[] })?;
            records.put_memo(SOURCE, &source_key(&id), &note)?;
            records.put_memo(MEANING, &meaning_key(&name, platform), &note)
        })?;
        Ok(record)
    }

    /// Puts a pulled image into the store's list of images without a name, for an index that leads to it.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn remember(&self, pulled: &Pulled, store: &Store) -> Result<ImageRecord, RegistryError> {
        let record = record_of(pulled, store)?;
        let note = note_of(pulled);
        store.write(|records| {
            records.put_image(&record, &[])?;
            records.put_memo(SOURCE, &source_key(&record.id), &note)
        })?;
        Ok(record)
    }

    /// Where an image of the store came from, so that layers can be fetched that are not there yet.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn source_of(
        &self,
        id: &BlobDigest,
        config: &ImageConfig,
        store: &Store,
    ) -> Result<Option<Pulled>, RegistryError> {
        let Some(note) = note(store.memo(SOURCE, &source_key(id))?) else {
            return Ok(None);
        };
        match (note.source.parse(), note.top.parse()) {
            (Ok(source), Ok(top)) => self.pulled_before(source, top, config.clone(), store),
            _ => Ok(None),
        }
    }

    /// The image that a name meant when it was pulled for a platform.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn meant(
        &self,
        image: &Reference,
        platform: &Platform,
        store: &Store,
    ) -> Result<Option<ImageRecord>, RegistryError> {
        let name = image.clone().or_latest().to_string();
        match note(store.memo(MEANING, &meaning_key(&name, platform))?).map(|note| note.id.parse()) {
            Some(Ok(id)) => Ok(store.image(&id)?),
            _ => Ok(None),
        }
    }

    /// The digests that a name led to when it was pulled for a platform: of an index or manifest, and of the manifest.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn meaning(
        &self,
        image: &Reference,
        platform: &Platform,
        store: &Store,
    ) -> Result<Option<(BlobDigest, BlobDigest)>, RegistryError> {
        let name = image.clone().or_latest().to_string();
        let Some(note) = note(store.memo(MEANING, &meaning_key(&name, platform))?) else {
            return Ok(None);
        };
        let manifest = note
            .source
            .parse::<Reference>()
            .ok()
            .and_then(|it| it.digest().copied());
        Ok(note.top.parse().ok().zip(manifest))
    }

    /// The image that a name meant when it was pulled for a platform, if it led to `top`; and its manifest.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn meant_as(
        &self,
        image: &Reference,
        platform: &Platform,
        top: &BlobDigest,
        store: &Store,
    ) -> Result<Option<(ImageRecord, BlobDigest)>, RegistryError> {
        match self.meaning(image, platform, store)? {
            Some((known, manifest)) if known == *top => {
                Ok(self.meant(image, platform, store)?.map(|record| (record, manifest)))
            }
            _ => Ok(None),
        }
    }

    /// The same, if the registry says that the name still means it.
    ///
    /// # Errors
    /// When the registry can't be asked, or the store can't be read.
    pub fn still_means(
        &self,
        image: &Reference,
        platform: &Platform,
        store: &Store,
    ) -> Result<Option<ImageRecord>, RegistryError> {
        let name = image.clone().or_latest().to_string();
        let Some(note) = note(store.memo(MEANING, &meaning_key(&name, platform))?) else {
            return Ok(None);
        };
        let (Ok(id), Ok(top)) = (note.id.parse(), note.top.parse::<BlobDigest>()) else {
            return Ok(None);
        };
        let Some(record) = store.image(&id)? else {
            return Ok(None);
        };
        let now = match image.digest() {
            Some(digest) => Some(*digest),
            None => self.digest_of(image)?,
        };
        Ok((now == Some(top)).then_some(record))
    }
}

impl Registries {
    /// Remembers that an image's repository has a blob.
    pub(super) fn seen(&self, image: &Reference, blob: &BlobDigest, store: &Store) -> Result<(), RegistryError> {
        let (kind, key) = (HOLDER, holder_key(image.registry(), blob));
        Ok(store.put_memo(kind, &key, image.repository().as_bytes())?)
    }

    /// Another repository of an image's registry that had a blob once.
    pub(super) fn holder(
        &self,
        image: &Reference,
        blob: &BlobDigest,
        store: &Store,
    ) -> Result<Option<String>, RegistryError> {
        let known = store.memo(HOLDER, &holder_key(image.registry(), blob))?;
        let known = known.and_then(|repository| String::from_utf8(repository).ok());
        Ok(known.filter(|repository| repository != image.repository()))
    }
}

/// Where an image of the store was pulled from, by the digest of what its name led to: an index, or its manifest.
///
/// # Errors
/// When the store can't be read.
pub fn origin(id: &BlobDigest, store: &Store) -> Result<Option<Reference>, RegistryError> {
    let Some(note) = note(store.memo(SOURCE, &source_key(id))?) else {
        return Ok(None);
    };
    match (note.source.parse::<Reference>(), note.top.parse()) {
        (Ok(source), Ok(top)) => Ok(Some(source.with_digest(top))),
        _ => Ok(None),
    }
}

/// What the store says of a pulled image.
fn record_of(pulled: &Pulled, store: &Store) -> Result<ImageRecord, RegistryError> {
    let id = pulled.manifest().config.digest;
    Ok(match store.image(&id)? {
        // It was built here, or is known under another name: what is known of its layers stays.
        Some(known) => ImageRecord {
            manifest: Some(pulled.manifest_digest),
            ..known
        },
        None => ImageRecord {
            id,
            manifest: Some(pulled.manifest_digest),
            layers: layers(pulled.config()),
            created: created(pulled.config()),
            // As it travels; how large it is without compression is known when it is unpacked.
            size: pulled
                .manifest()
                .layers
                .iter()
                .map(|it| it.size)
                .fold(0, u64::saturating_add),
        },
    })
}

fn note_of(pulled: &Pulled) -> Vec<u8> {
    let note = Note {
        id: pulled.manifest().config.digest.to_string(),
        source: pulled.source().to_string(),
        top: pulled.top.to_string(),
    };
    serde_json::to_vec(&note).unwrap_or_default()
}

fn note(value: Option<Vec<u8>>) -> Option<Note> {
    value.and_then(|value| serde_json::from_slice(&value).ok())
}

fn source_key(id: &BlobDigest) -> [u8; 32] {
    *Fields::new("varve 2026 source of an image v1")
        .bytes(id.as_bytes())
        .file_digest()
        .as_bytes()
}

fn holder_key(registry: &str, blob: &BlobDigest) -> [u8; 32] {
    *Fields::new("varve 2026 repository with a blob v1")
        .bytes(registry)
        .bytes(blob.as_bytes())
        .file_digest()
        .as_bytes()
}

fn meaning_key(name: &str, platform: &Platform) -> [u8; 32] {
    *Fields::new("varve 2026 image of a name and platform v1")
        .bytes(name)
        .bytes(platform.to_string())
        .file_digest()
        .as_bytes()
}

fn layers(config: &ImageConfig) -> Vec<ImageLayer> {
    let layer = |diff_id: &crate::digest::DiffId| ImageLayer {
        diff_id: *diff_id,
        content: None,
    };
    config.rootfs.diff_ids.iter().map(layer).collect()
}

fn created(config: &ImageConfig) -> Time {
    let time = config.created.as_deref().and_then(parse_time);
    time.map(|(seconds, nanoseconds)| Time { seconds, nanoseconds })
        .unwrap_or_default()
}
