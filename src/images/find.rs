//! Images by name, ID or digest.

use super::ImagesError;
use crate::digest::BlobDigest;
use crate::oci::{ImageConfig, Index, Manifest, OciError, Platform, Reference, media};
use crate::registry;
use crate::store::{ImageRecord, Store, StoreError, TopRecord};

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
    /// What the name that it was found by leads to, if that is more than the image.
    pub top: Option<TopRecord>,
    /// Whether an index with a name leads to it: then it is needed, with or without a name of its own.
    pub is_led_to: bool,
}

impl StoredImage {
    fn new(store: &Store, record: ImageRecord, names: Vec<String>) -> Result<Self, ImagesError> {
        let config_bytes = store.read_blob(&record.id, LARGEST_DOCUMENT)?;
        Ok(Self {
            config: ImageConfig::from_bytes(&config_bytes)?,
            record,
            names,
            config_bytes,
            top: None,
            is_led_to: false,
        })
    }

    /// Its ID.
    pub fn id(&self) -> &BlobDigest {
        &self.record.id
    }

    /// Whether neither it nor an index that leads to it has a name.
    pub fn is_dangling(&self) -> bool {
        self.names.is_empty() && !self.is_led_to
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
        if let Some(top) = &self.top
            && let Some(found) = self.manifest_of(store, &top.digest)?
        {
            return Ok(Some(found));
        }
        let Some(digest) = &self.record.manifest else {
            return Ok(None);
        };
        if !store.has_blob(digest)? {
            return Ok(None);
        }
        let bytes = store.read_blob(digest, LARGEST_DOCUMENT)?;
        Ok(Some((Manifest::from_bytes(&bytes)?, bytes)))
    }

    /// The manifest by which an index, or a manifest itself, leads to the image.
    fn manifest_of(&self, store: &Store, top: &BlobDigest) -> Result<Option<(Manifest, Vec<u8>)>, ImagesError> {
        let bytes = store.read_blob(top, LARGEST_DOCUMENT)?;
        if media::kind(media::of_document(&bytes)) != media::Kind::Index {
            return Ok(Some((Manifest::from_bytes(&bytes)?, bytes)));
        }
        for entry in Index::from_bytes(&bytes)?.manifests {
            if entry.is_attestation() || !store.has_blob(&entry.digest)? {
                continue;
            }
            let bytes = store.read_blob(&entry.digest, LARGEST_DOCUMENT)?;
            if let Ok(manifest) = Manifest::from_bytes(&bytes)
                && manifest.config.digest == self.record.id
            {
                return Ok(Some((manifest, bytes)));
            }
        }
        Ok(None)
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
    let (images, led_to) = store.read(|records| Ok::<_, StoreError>((records.images()?, records.led_to()?)))?;
    Ok(images
        .into_iter()
        .filter_map(|(record, names)| StoredImage::new(store, record, names).ok())
        .map(|image| StoredImage {
            is_led_to: led_to.contains(image.id()),
            ..image
        })
        .collect())
}

/// An image by name, by the first digits of its ID, or as `REPOSITORY@DIGEST`.
///
/// # Errors
/// [`ImagesError::NotFound`] and [`ImagesError::Several`], and when the store can't be read.
pub fn find(store: &Store, text: &str) -> Result<StoredImage, ImagesError> {
    let reference = text.parse::<Reference>().ok();
    let mut top = None;
    let named = match &reference {
        Some(name) => {
            let name = name.clone().or_latest().to_string();
            top = store.top_of(&name)?;
            store.image_named(&name)?
        }
        None => None,
    };
    let record = match (named, &reference) {
        (Some(record), _) => record,
        (None, Some(name)) if name.digest().is_some() => {
            if let Some(found) = by_top(store, name)? {
                return Ok(found);
            }
            by_digest(store, name)?.ok_or_else(|| ImagesError::NotFound(text.to_owned()))?
        }
        (None, _) => by_id(store, text)?,
    };
    let names = store.read(|records| records.names_of(&record.id))?;
    let found = StoredImage::new(store, record, names)?;
    Ok(StoredImage { top, ..found })
}

/// What leads to images under a name of the same repository, by its digest.
fn by_top(store: &Store, name: &Reference) -> Result<Option<StoredImage>, ImagesError> {
    let Some(digest) = name.digest() else {
        return Ok(None);
    };
    let names = store.read(|records| records.names_of_top(digest))?;
    let same_place = |known: &&String| {
        let known = known.parse::<Reference>();
        known.is_ok_and(|it| (it.registry(), it.repository()) == (name.registry(), name.repository()))
    };
    names.iter().find(same_place).map(|name| find(store, name)).transpose()
}

/// The names that a word means, as `docker save` takes it: all tags of a repository that is named without one. A word
/// that is no such repository is given back.
pub fn tags_of(store: &Store, text: &str) -> Vec<Result<String, ImagesError>> {
    let Ok(name) = text.parse::<Reference>() else {
        return vec![Ok(text.to_owned())];
    };
    if name.tag().is_some() || name.digest().is_some() {
        return vec![Ok(text.to_owned())];
    }
    let images = match store.images() {
        Ok(images) => images,
        Err(error) => return vec![Err(error.into())],
    };
    let same = |known: &Reference| (known.registry(), known.repository()) == (name.registry(), name.repository());
    let names = images.into_iter().flat_map(|(_, names)| names);
    let mut found: Vec<String> = names
        .filter(|it| it.parse::<Reference>().is_ok_and(|it| it.tag().is_some() && same(&it)))
        .collect();
    found.sort();
    match found.is_empty() {
        true => vec![Ok(text.to_owned())],
        false => found.into_iter().map(Ok).collect(),
    }
}

/// The image for a platform, of those that an index leads to; an image that is alone has to be for it.
///
/// # Errors
/// [`ImagesError::Oci`], which lists the platforms that there are.
pub fn for_platform(store: &Store, image: StoredImage, platform: &Platform) -> Result<StoredImage, ImagesError> {
    let ids = match &image.top {
        Some(top) if top.joins() => top.images.clone(),
        _ => vec![*image.id()],
    };
    let mut best: Option<(usize, StoredImage)> = None;
    let mut known = Vec::new();
    for id in ids {
        let Some(record) = store.image(&id)? else { continue };
        let found = match id == *image.id() {
            // A single manifest is handed on as it is.
            true if !image.top.as_ref().is_some_and(TopRecord::joins) => image.clone(),
            _ => StoredImage::new(store, record, image.names.clone())?,
        };
        let its = found.config.platform();
        known.push(its.to_string());
        if let Some(rank) = platform.rank(&its)
            && best.as_ref().is_none_or(|(than, _)| rank < *than)
        {
            best = Some((rank, found));
        }
    }
    best.map(|(_, found)| found).ok_or_else(|| {
        let wanted = platform.to_string();
        OciError::NoPlatform { wanted, known }.into()
    })
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
