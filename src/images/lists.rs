//! Indexes that join images which were built elsewhere: what each entry is, and what the store keeps of it.

use super::save::saved_image;
use super::{ImagesError, find};
use crate::digest::BlobDigest;
use crate::export::{self, Sealed};
use crate::oci::media::{self, Family, Kind};
use crate::oci::{Descriptor, ImageConfig, Index, Manifest, Platform, Reference};
use crate::registry::{Found, Registries, RegistryError};
use crate::store::{Store, StoreError, TopRecord};
use std::collections::BTreeSet;

/// Largest document that is read, in bytes.
const LARGEST_DOCUMENT: u64 = 8 << 20;
/// Largest part of what is no image, such as an attestation, in bytes.
const LARGEST_PART: u64 = 64 << 20;
/// Indexes inside indexes that are followed.
const DEEPEST: usize = 4;

/// What a platform begins with.
const SYSTEMS: [&str; 5] = ["linux", "windows", "darwin", "freebsd", "unknown"];

/// An index in the making.
#[derive(Debug, Clone)]
pub struct List {
    /// The document.
    pub index: Index,
}

/// What indexes are made with.
#[derive(Debug, Clone, Copy)]
pub struct Lists<'a> {
    /// Where they are kept.
    pub store: &'a Store,
    /// Where images are that the store does not have.
    pub registries: &'a Registries,
}

impl Default for List {
    fn default() -> Self {
        Self {
            index: Index::new(Vec::new()),
        }
    }
}

impl Lists<'_> {
    /// The index that a name of the store leads to; `None` when there is no such name.
    ///
    /// # Errors
    /// [`ImagesError::NotAnIndex`] when the name is that of an image.
    pub fn open(&self, name: &Reference) -> Result<Option<List>, ImagesError> {
        let text = name.clone().or_latest().to_string();
        let Some(top) = self.store.top_of(&text)? else {
            return match self.store.image_named(&text)? {
                Some(_) => Err(ImagesError::NotAnIndex(name.familiar())),
                None => Ok(None),
            };
        };
        let bytes = self.store.read_blob(&top.digest, LARGEST_DOCUMENT)?;
        if media::kind(media::of_document(&bytes)) != Kind::Index {
            return Err(ImagesError::NotAnIndex(name.familiar()));
        }
        Ok(Some(List {
            index: Index::from_bytes(&bytes)?,
        }))
    }

    /// Adds what a name leads to, in the store or else in its registry: an image, or all that an index lists. Layers
    /// stay where they are. Gives the digests of the entries.
    ///
    /// # Errors
    /// When there is no such image, or the store can't be written.
    pub fn add(&self, list: &mut List, name: &str) -> Result<Vec<BlobDigest>, ImagesError> {
        let entries = match find(self.store, name) {
            Ok(image) => {
                let cancelled = || false;
                let top = match &image.top {
                    Some(top) => Found {
                        descriptor: Descriptor::new("", top.digest, 0),
                        bytes: self.store.read_blob(&top.digest, LARGEST_DOCUMENT)?,
                    },
                    None => {
                        let saved = saved_image(self.store, &image, Vec::new(), self.registries)?;
                        let Sealed { manifest, .. } = export::seal(self.store, &saved, self.registries, &cancelled)?;
                        Found {
                            bytes: self.store.read_blob(&manifest.digest, LARGEST_DOCUMENT)?,
                            descriptor: manifest,
                        }
                    }
                };
                self.of_store(&top)?
            }
            Err(ImagesError::NotFound(_)) => {
                let name: Reference = name.parse().map_err(|_| ImagesError::NotFound(name.to_owned()))?;
                let found = self.registries.look(&name)?;
                let mut entries = Vec::new();
                self.of_registry(&name, found, 0, &mut entries)?;
                entries
            }
            Err(error) => return Err(error),
        };
        let digests = entries.iter().map(|entry| entry.digest).collect();
        for entry in entries {
            list.index.manifests.retain(|known| known.digest != entry.digest);
            list.index.manifests.push(entry);
        }
        Ok(digests)
    }

    /// The digests of the entries that a word means: a digest, a platform, or what a name leads to.
    ///
    /// # Errors
    /// [`ImagesError::NotListed`].
    pub fn meant(&self, list: &List, word: &str) -> Result<Vec<BlobDigest>, ImagesError> {
        let entries = &list.index.manifests;
        let digest = word.rsplit_once('@').map_or(word, |(_, digest)| digest);
        let by_digest = |entry: &&Descriptor| {
            let text = entry.digest.to_string();
            text == digest || (digest.len() >= 12 && text["sha256:".len()..].starts_with(digest))
        };
        let mut found: Vec<BlobDigest> = entries.iter().filter(by_digest).map(|it| it.digest).collect();
        if found.is_empty() {
            let platform = Platform::parse(word, &Platform::host()).ok();
            // No registry is asked for an image `linux/arm64`.
            found = match platform.filter(|it| word.contains('/') && SYSTEMS.contains(&&*it.os)) {
                Some(platform) => {
                    let its = entries
                        .iter()
                        .filter(|entry| entry.platform.as_ref() == Some(&platform));
                    its.map(|it| it.digest).collect()
                }
                None => {
                    let named = self.add(&mut List::default(), word)?.into_iter();
                    named
                        .filter(|it| entries.iter().any(|entry| entry.digest == *it))
                        .collect()
                }
            };
        }
        match found.is_empty() {
            true => Err(ImagesError::NotListed(word.to_owned())),
            false => Ok(found),
        }
    }

    /// Gives an index a name in the store.
    ///
    /// # Errors
    /// When the index is empty, or the store can't be written.
    pub fn keep(&self, list: &List, name: &Reference) -> Result<BlobDigest, ImagesError> {
        let mut index = list.index.clone();
        let docker = |entry: &Descriptor| entry.media_type == media::DOCKER_MANIFEST && entry.annotations.is_empty();
        index.media_type =
            match !index.manifests.is_empty() && index.manifests.iter().all(docker) && index.annotations.is_empty() {
                true => Family::Docker.index().to_owned(),
                false => Family::Oci.index().to_owned(),
            };
        keep_document(self.store, &index, &index.to_bytes(), name)
    }

    /// Entries for a document of the store.
    fn of_store(&self, top: &Found) -> Result<Vec<Descriptor>, ImagesError> {
        let media_type = media::of_document(&top.bytes);
        if media::kind(media_type) == Kind::Index {
            let index = Index::from_bytes(&top.bytes)?;
            return Ok(index.manifests);
        }
        let manifest = Manifest::from_bytes(&top.bytes)?;
        let config = self.store.read_blob(&manifest.config.digest, LARGEST_DOCUMENT)?;
        let mut entry = Descriptor::of(media_type, &top.bytes);
        entry.platform = Some(ImageConfig::from_bytes(&config)?.platform());
        Ok(vec![entry])
    }

    /// Entries for a document of a registry, whose documents the store has then.
    pub(super) fn of_registry(
        &self,
        name: &Reference,
        found: Found,
        depth: usize,
        entries: &mut Vec<Descriptor>,
    ) -> Result<(), ImagesError> {
        if depth > DEEPEST {
            return Err(crate::oci::OciError::TooDeep(DEEPEST).into());
        }
        let Found { descriptor, bytes } = found;
        if media::kind(media::of_document(&bytes)) == Kind::Index {
            for entry in Index::from_bytes(&bytes)?.manifests {
                let place = name.clone().without_tag().with_digest(entry.digest);
                let found = Found {
                    bytes: self.registries.look(&place)?.bytes,
                    descriptor: entry,
                };
                self.of_registry(name, found, depth + 1, entries)?;
            }
            return Ok(());
        }
        let place = name.clone().without_tag().with_digest(descriptor.digest);
        let manifest = Manifest::from_bytes(&bytes)?;
        let mut entry = descriptor;
        let is_image = media::kind(&manifest.config.media_type) == Kind::Config && manifest.artifact_type.is_none();
        if is_image && !entry.is_attestation() {
            let pulled = self.registries.pull(&place, &Platform::host(), self.store)?;
            self.registries.remember(&pulled, self.store)?;
            entry.platform.get_or_insert_with(|| pulled.config().platform());
        } else {
            // It is small, and speaks of an image.
            for part in std::iter::once(&manifest.config).chain(&manifest.layers) {
                if !self.store.has_blob(&part.digest)? {
                    let bytes = self.registries.small_blob(&place, part, LARGEST_PART)?;
                    self.store.put_blob(&bytes)?;
                }
            }
            self.store.put_blob(&bytes)?;
        }
        entries.push(entry);
        Ok(())
    }
}

/// The document that a name leads to, in the store or else in its registry, byte by byte.
///
/// # Errors
/// When there is none.
pub fn raw(store: &Store, registries: &Registries, name: &str) -> Result<Vec<u8>, ImagesError> {
    let lists = Lists { store, registries };
    match find(store, name) {
        Ok(image) => match &image.top {
            Some(top) => Ok(store.read_blob(&top.digest, LARGEST_DOCUMENT)?),
            None => match image.manifest(store)? {
                Some((_, bytes)) => Ok(bytes),
                // It was built here, and gets a manifest now.
                None => {
                    let saved = saved_image(store, &image, Vec::new(), lists.registries)?;
                    let sealed = export::seal(store, &saved, registries, &|| false)?;
                    Ok(store.read_blob(&sealed.manifest.digest, LARGEST_DOCUMENT)?)
                }
            },
        },
        Err(ImagesError::NotFound(_)) => {
            let reference: Reference = name.parse().map_err(|_| ImagesError::NotFound(name.to_owned()))?;
            registries
                .look(&reference)
                .map(|found| found.bytes)
                .map_err(|error| match error {
                    RegistryError::NotFound { .. } => ImagesError::NotFound(name.to_owned()),
                    other => other.into(),
                })
        }
        Err(error) => Err(error),
    }
}

/// Gives an index whose documents the store has a name there.
pub(super) fn keep_document(
    store: &Store,
    index: &Index,
    bytes: &[u8],
    name: &Reference,
) -> Result<BlobDigest, ImagesError> {
    let (mut images, mut best) = (Vec::new(), None);
    let host = Platform::host();
    let mut blobs = BTreeSet::new();
    for entry in &index.manifests {
        blobs.insert(entry.digest);
        let bytes = store.read_blob(&entry.digest, LARGEST_DOCUMENT)?;
        let manifest = Manifest::from_bytes(&bytes)?;
        blobs.extend(manifest.blobs());
        if entry.is_attestation() || store.image(&manifest.config.digest)?.is_none() {
            continue;
        }
        let rank = entry
            .platform
            .as_ref()
            .and_then(|it| host.rank(it))
            .unwrap_or(usize::MAX);
        if best.is_none_or(|(than, _)| rank < than) {
            best = Some((rank, manifest.config.digest));
        }
        images.push(manifest.config.digest);
    }
    let (_, here) = best.ok_or_else(|| ImagesError::NoImages(name.familiar()))?;
    let digest = store.put_blob(bytes)?;
    let top = TopRecord {
        digest,
        images,
        blobs: blobs.into_iter().collect(),
    };
    store.write(|records| {
        records.put_top(&top)?;
        records.put_name_of_top(&name.clone().or_latest().to_string(), &here, &digest)?;
        Ok::<_, StoreError>(())
    })?;
    Ok(digest)
}
