//! Images by name, ID or digest.

use super::ImagesError;
use crate::digest::BlobDigest;
use crate::oci::{ImageConfig, Manifest, Reference};
use crate::registry;
use crate::store::{ImageRecord, Store};

/// Largest config or manifest that is read, in bytes.
const LARGEST_DOCUMENT: u64 = 8 << 20;
/// Digits of an ID that are shown, and that are enough to ask by.
const FEWEST_DIGITS: usize = 4;

/// An image of the store with its documents.
#[derive(Debug, Clone)]
pub struct StoredImage {
    /// What the store says of it.
    pub record: ImageRecord,
    /// Its names in full, sorted.
    pub names: Vec<String>,
    /// Its config.
    pub config: ImageConfig,
    /// The config as it is, byte by byte.
    pub config_bytes: Vec<u8>,
}

impl StoredImage {
    fn new(store: &Store, record: ImageRecord, names: Vec<String>) -> Result<Self, ImagesError> {
        let config_bytes = store.read_blob(&record.id, LARGEST_DOCUMENT)?;
        Ok(Self {
            config: ImageConfig::from_bytes(&config_bytes)?,
            record,
            names,
            config_bytes,
        })
    }

    /// Its ID.
    pub fn id(&self) -> &BlobDigest {
        &self.record.id
    }

    /// Its names as users write them.
    pub fn familiar(&self) -> Vec<String> {
        let short = |name: &String| {
            name.parse::<Reference>()
                .map_or_else(|_| name.clone(), |it| it.familiar())
        };
        self.names.iter().map(short).collect()
    }

    /// Where it was pulled from, by digest; nothing when it was built here, or that was forgotten.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn origin(&self, store: &Store) -> Result<Option<Reference>, ImagesError> {
        Ok(registry::origin(self.id(), store)?)
    }

    /// Its manifest with its bytes, if it has one.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn manifest(&self, store: &Store) -> Result<Option<(Manifest, Vec<u8>)>, ImagesError> {
        let Some(digest) = &self.record.manifest else {
            return Ok(None);
        };
        if !store.has_blob(digest)? {
            return Ok(None);
        }
        let bytes = store.read_blob(digest, LARGEST_DOCUMENT)?;
        Ok(Some((Manifest::from_bytes(&bytes)?, bytes)))
    }

    /// Bytes of each layer: of its files as far as they are known, else as it travels; `None` when nothing is known.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn layer_sizes(&self, store: &Store) -> Result<Vec<Option<u64>>, ImagesError> {
        store.read(|records| {
            let mut sizes = Vec::with_capacity(self.record.layers.len());
            for layer in &self.record.layers {
                let content = match layer.content {
                    Some(content) => Some(content),
                    None => records.content_of(&layer.diff_id)?,
                };
                let tar = match &content {
                    Some(content) => records.layer_of(content)?.map(|layer| layer.size),
                    None => None,
                };
                let files = || content.and_then(|it| store.listing(&it).ok()).map(|it| it.total_size());
                let packed = records.recorded_blobs_of(&layer.diff_id)?;
                sizes.push(tar.or_else(files).or(packed.first().map(|it| it.2)));
            }
            Ok(sizes)
        })
    }
}

/// All images, the newest first. One whose config is gone or damaged is left out.
///
/// # Errors
/// When the store can't be read.
pub fn all(store: &Store) -> Result<Vec<StoredImage>, ImagesError> {
    let images = store.images()?;
    Ok(images
        .into_iter()
        .filter_map(|(record, names)| StoredImage::new(store, record, names).ok())
        .collect())
}

/// An image by name, by the first digits of its ID, or as `REPOSITORY@DIGEST`.
///
/// # Errors
/// [`ImagesError::NotFound`] and [`ImagesError::Several`], and when the store can't be read.
pub fn find(store: &Store, text: &str) -> Result<StoredImage, ImagesError> {
    let reference = text.parse::<Reference>().ok();
    let named = match &reference {
        Some(name) => store.image_named(&name.clone().or_latest().to_string())?,
        None => None,
    };
    let record = match (named, &reference) {
        (Some(record), _) => record,
        (None, Some(name)) if name.digest().is_some() => {
            by_digest(store, name)?.ok_or_else(|| ImagesError::NotFound(text.to_owned()))?
        }
        (None, _) => by_id(store, text)?,
    };
    let names = store.read(|records| records.names_of(&record.id))?;
    StoredImage::new(store, record, names)
}

fn by_id(store: &Store, text: &str) -> Result<ImageRecord, ImagesError> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    if digits.len() < FEWEST_DIGITS {
        return Err(ImagesError::NotFound(text.to_owned()));
    }
    let mut found = store.read(|records| records.images_by_prefix(digits, 2))?;
    match (found.pop(), found.is_empty()) {
        (Some(record), true) => Ok(record),
        (Some(_), false) => Err(ImagesError::Several(text.to_owned())),
        (None, _) => Err(ImagesError::NotFound(text.to_owned())),
    }
}

/// The image that was pulled as this: the digest is that of the manifest, or of the index that led to it.
fn by_digest(store: &Store, name: &Reference) -> Result<Option<ImageRecord>, ImagesError> {
    for (record, _) in store.images()? {
        let Some(origin) = registry::origin(&record.id, store)? else {
            continue;
        };
        let same_place = (origin.registry(), origin.repository()) == (name.registry(), name.repository());
        if same_place && (origin.digest() == name.digest() || record.manifest.as_ref() == name.digest()) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}
