//! Chooses one image of a layout.

use super::config::ImageConfig;
use super::documents::{Descriptor, Index, Manifest, annotations};
use super::layout::{Layout, LayoutReader, may_be_image, names_of};
use super::media::{self, Kind};
use super::{OciError, Platform};
use crate::digest::BlobDigest;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Indexes inside indexes that are followed.
const DEEPEST: usize = 8;

/// Which image of a layout is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The one with this tag or whole name.
    Tag(String),
    /// The one whose index entry, manifest or config has this digest.
    Digest(BlobDigest),
}

/// An image of a layout, its documents read and checked.
#[derive(Debug, Clone)]
pub struct ImageSource {
    layout: Layout,
    descriptor: Descriptor,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    config: ImageConfig,
    config_bytes: Vec<u8>,
}

impl Layout {
    /// Chooses an image for a platform.
    ///
    /// Without a selector it is the one with the tag `latest`; when no image has that tag, the only one there is. Where
    /// several platforms remain, the best for `platform` counts, as containerd orders them; an image that is alone is
    /// taken whatever its platform. A selected tag that no image has selects an image without any name, if that is the
    /// only one.
    ///
    /// # Errors
    ///
    /// Lists what there is when nothing fits, or more than one does.
    pub fn image(&self, selector: Option<&Selector>, platform: &Platform) -> Result<ImageSource, OciError> {
        let chosen = self.candidates(selector)?;
        let descriptor = self.best(chosen, platform, 0)?;
        self.load(descriptor)
    }

    fn candidates(&self, selector: Option<&Selector>) -> Result<Vec<Descriptor>, OciError> {
        let images = || {
            let listed = self.index().manifests.iter();
            listed.filter(|entry| may_be_image(entry) && !entry.is_attestation())
        };
        let known = || {
            let mut known: Vec<String> = images()
                .map(|entry| {
                    entry
                        .annotations
                        .get(annotations::REF_NAME)
                        .cloned()
                        .unwrap_or(entry.digest.to_string())
                })
                .collect();
            known.sort_unstable();
            known.dedup();
            known
        };
        let named = |name: &str| -> Vec<Descriptor> {
            images()
                .filter(|entry| names_of(entry).any(|it| it == name))
                .cloned()
                .collect()
        };
        match selector {
            None => {
                let latest = named("latest");
                if !latest.is_empty() {
                    return Ok(latest);
                }
                let all: Vec<Descriptor> = images().cloned().collect();
                let mut digest_for = BTreeMap::new();
                let different = all.iter().any(|entry| {
                    // Without a platform it could be for any.
                    let same = digest_for.entry(&entry.platform).or_insert(entry.digest);
                    *same != entry.digest
                }) || (digest_for.len() > 1 && digest_for.contains_key(&None));
                if different {
                    return Err(OciError::Ambiguous {
                        path: self.path().to_owned(),
                        known: known(),
                    });
                }
                if all.is_empty() {
                    return Err(self.nothing("latest", known()));
                }
                Ok(all)
            }
            Some(Selector::Tag(tag)) => {
                let found = named(tag);
                if !found.is_empty() {
                    return Ok(found);
                }
                let all: Vec<Descriptor> = images().cloned().collect();
                match &all[..] {
                    [only] if names_of(only).next().is_none() => Ok(all),
                    _ => Err(self.nothing(tag, known())),
                }
            }
            Some(Selector::Digest(digest)) => {
                if let Some(entry) = self.index().manifests.iter().find(|entry| entry.digest == *digest) {
                    return Ok(vec![entry.clone()]);
                }
                match self.search(images().cloned().collect(), digest, 0)? {
                    Some(found) => Ok(vec![found]),
                    None => Err(self.nothing(&digest.to_string(), known())),
                }
            }
        }
    }

    fn nothing(&self, wanted: &str, known: Vec<String>) -> OciError {
        OciError::NoImage {
            wanted: wanted.to_owned(),
            path: self.path().to_owned(),
            known,
        }
    }

    /// Looks below the index for an entry, manifest or config with a digest.
    fn search(
        &self,
        entries: Vec<Descriptor>,
        digest: &BlobDigest,
        depth: usize,
    ) -> Result<Option<Descriptor>, OciError> {
        if depth > DEEPEST {
            return Err(OciError::TooDeep(DEEPEST));
        }
        for entry in entries {
            if entry.digest == *digest {
                return Ok(Some(entry));
            }
            let bytes = self.read("index", &entry)?;
            match what_is(&entry, &bytes) {
                Kind::Index => {
                    if let Some(found) = self.search(Index::from_bytes(&bytes)?.manifests, digest, depth + 1)? {
                        return Ok(Some(found));
                    }
                }
                Kind::Manifest if Manifest::from_bytes(&bytes).is_ok_and(|it| it.config.digest == *digest) => {
                    return Ok(Some(entry));
                }
                _ => (),
            }
        }
        Ok(None)
    }

    /// The best of several entries, which may be indexes of more.
    fn best(&self, mut entries: Vec<Descriptor>, wanted: &Platform, depth: usize) -> Result<Descriptor, OciError> {
        if depth > DEEPEST {
            return Err(OciError::TooDeep(DEEPEST));
        }
        entries.dedup_by(|a, b| a.digest == b.digest && a.platform == b.platform);
        let mut known = Vec::new();
        let mut best: Option<(usize, Descriptor)> = None;
        let alone = entries.len() == 1;
        for entry in entries {
            if depth > 0 && (entry.is_attestation() || !may_be_image(&entry)) {
                continue;
            }
            let rank = match (&entry.platform, alone && depth == 0) {
                (_, true) => Some(0),
                (Some(platform), _) => {
                    known.push(platform.to_string());
                    wanted.rank(platform)
                }
                (None, _) => match self.platform_of(&entry)? {
                    // An index among others: whatever it holds is asked below.
                    None => Some(0),
                    Some(platform) => {
                        known.push(platform.to_string());
                        wanted.rank(&platform)
                    }
                },
            };
            if let Some(rank) = rank
                && best.as_ref().is_none_or(|(than, _)| rank < *than)
            {
                best = Some((rank, entry));
            }
        }
        let Some((_, entry)) = best else {
            known.sort_unstable();
            known.dedup();
            return Err(OciError::NoPlatform {
                wanted: wanted.to_string(),
                known,
            });
        };
        if entry.kind() == Kind::Manifest {
            return Ok(entry);
        }
        let bytes = self.read("index", &entry)?;
        match what_is(&entry, &bytes) {
            Kind::Index => self.best(Index::from_bytes(&bytes)?.manifests, wanted, depth + 1),
            _ => Ok(entry),
        }
    }

    /// The platform of an entry that does not say it; `None` for an index.
    fn platform_of(&self, entry: &Descriptor) -> Result<Option<Platform>, OciError> {
        let bytes = self.read("manifest", entry)?;
        if what_is(entry, &bytes) == Kind::Index {
            return Ok(None);
        }
        let manifest = Manifest::from_bytes(&bytes)?;
        let config = self.read("image config", &manifest.config)?;
        Ok(Some(ImageConfig::from_bytes(&config)?.platform()))
    }

    fn load(&self, descriptor: Descriptor) -> Result<ImageSource, OciError> {
        let manifest_bytes = self.read("manifest", &descriptor)?;
        let manifest = Manifest::from_bytes(&manifest_bytes)?;
        let is_image = media::kind(&manifest.config.media_type) == Kind::Config && manifest.artifact_type.is_none();
        if !is_image {
            return Err(OciError::NotAnImage {
                digest: descriptor.digest,
                kind: manifest.artifact_type.unwrap_or(manifest.config.media_type),
            });
        }
        let config_bytes = self.read("image config", &manifest.config)?;
        let config = ImageConfig::from_bytes(&config_bytes)?;
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            return Err(OciError::LayerCount { layers, diff_ids });
        }
        Ok(ImageSource {
            layout: self.clone(),
            descriptor,
            manifest,
            manifest_bytes,
            config,
            config_bytes,
        })
    }
}

impl ImageSource {
    /// The layout that holds it.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its entry in the index.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its manifest as it came.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// Its config.
    pub fn config(&self) -> &ImageConfig {
        &self.config
    }

    /// Its config as it came.
    pub fn config_bytes(&self) -> &[u8] {
        &self.config_bytes
    }

    /// The platform that its config speaks of.
    pub fn platform(&self) -> Platform {
        self.config.platform()
    }

    /// Its layers, lowest first; as many as the config has diff IDs.
    pub fn layers(&self) -> &[Descriptor] {
        &self.manifest.layers
    }

    /// Opens the layer with this number, as it travels; size and digest are checked before the end.
    pub fn open_layer(&self, number: usize) -> Result<LayoutReader, OciError> {
        self.layout.open_blob("layer", &self.manifest.layers[number])
    }
}

/// What a document is: by its media type, or where that is missing by its fields.
pub(super) fn what_is(entry: &Descriptor, bytes: &[u8]) -> Kind {
    #[derive(Deserialize)]
    struct Fields {
        manifests: Option<serde::de::IgnoredAny>,
    }
    match entry.kind() {
        Kind::Other => match serde_json::from_slice(bytes) {
            Ok(Fields { manifests: Some(_) }) => Kind::Index,
            _ => Kind::Manifest,
        },
        kind => kind,
    }
}
