//! From the name of an image to its documents.

use super::route::Wanted;
use super::{Meaning, Registries, RegistryError};
use crate::digest::{BlobDigest, Sha256};
use crate::http::{Method, Response};
use crate::oci::media::{self, Kind};
use crate::oci::{Descriptor, ImageConfig, Index, Manifest, OciError, Platform, Reference};
use crate::store::Store;
use serde::Deserialize;
use std::io::Read;
use std::sync::{Arc, PoisonError};

/// An image of a registry; its manifest and config are in the store, its layers may be.
#[derive(Debug, Clone)]
pub struct Pulled {
    registries: Registries,
    /// Where it is, by its manifest's digest.
    source: Reference,
    /// What the name led to first: an index, or the manifest itself.
    pub(super) top: BlobDigest,
    pub(super) manifest_digest: BlobDigest,
    manifest: Manifest,
    config: ImageConfig,
}

/// Largest index, manifest or config, in bytes.
pub(super) const LARGEST_DOCUMENT: u64 = 8 << 20;
/// Indexes inside indexes that are followed.
const DEEPEST: usize = 4;
/// What is understood, best first.
const ACCEPT: [&str; 4] = [
    media::OCI_INDEX,
    media::DOCKER_INDEX,
    media::OCI_MANIFEST,
    media::DOCKER_MANIFEST,
];

/// A document, and where it stands.
pub(super) struct Document {
    digest: BlobDigest,
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
}

impl Registries {
    /// Asks for an image, chooses the best for a platform, and stores its manifest and config.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn pull(&self, image: &Reference, platform: &Platform, store: &Store) -> Result<Pulled, RegistryError> {
        let name = image.to_string();
        let wrong = |source| RegistryError::Image {
            name: name.clone(),
            source,
        };
        let mut document = match (image.digest(), image.tag_or_latest()) {
            (Some(digest), _) => self.document(image, &digest.to_string(), Some(digest))?,
            (None, tag) => {
                let meaning = self.meaning_of(image);
                let mut known = meaning.lock().unwrap_or_else(PoisonError::into_inner);
                let document = match *known {
                    Some(digest) => self.document(image, &digest.to_string(), Some(&digest))?,
                    None => self.document(image, tag.unwrap_or("latest"), None)?,
                };
                *known = Some(document.digest);
                document
            }
        };
        let top = document.digest;
        let mut depth = 0;
        while document.kind == Kind::Index {
            depth += 1;
            if depth > DEEPEST {
                return Err(wrong(OciError::TooDeep(DEEPEST)));
            }
            let index = Index::from_bytes(&document.bytes).map_err(wrong)?;
            let chosen = choose(&index, platform).map_err(wrong)?;
            document = self.document(image, &chosen.digest.to_string(), Some(&chosen.digest))?;
        }
        let manifest = Manifest::from_bytes(&document.bytes).map_err(wrong)?;
        if media::kind(&manifest.config.media_type) != Kind::Config || manifest.artifact_type.is_some() {
            return Err(wrong(OciError::NotAnImage {
                digest: document.digest,
                kind: manifest.artifact_type.unwrap_or(manifest.config.media_type),
            }));
        }
        if manifest.config.size > LARGEST_DOCUMENT {
            return Err(wrong(OciError::TooLarge {
                what: "image config",
                digest: manifest.config.digest,
                size: manifest.config.size,
                limit: LARGEST_DOCUMENT,
            }));
        }
        let source = image.clone().without_tag().with_digest(document.digest);
        self.blob(&source, &manifest.config, store)?;
        let config_bytes = store.read_blob(&manifest.config.digest, LARGEST_DOCUMENT)?;
        let config = ImageConfig::from_bytes(&config_bytes).map_err(wrong)?;
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            return Err(wrong(OciError::LayerCount { layers, diff_ids }));
        }
        store.put_blob(&document.bytes)?;
        Ok(Pulled {
            registries: self.clone(),
            source,
            top,
            manifest_digest: document.digest,
            manifest,
            config,
        })
    }

    /// The digest of what a name leads to, without reading it; `None` when the registry does not tell.
    pub(super) fn digest_of(&self, image: &Reference) -> Result<Option<BlobDigest>, RegistryError> {
        let meaning = self.meaning_of(image);
        let mut known = meaning.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            let found = self.anywhere(image, Wanted::Document, |place| self.digest_at(place))?;
            *known = found.map(|(digest, _)| digest);
        }
        Ok(*known)
    }

    fn meaning_of(&self, image: &Reference) -> Meaning {
        let mut meanings = self.0.meanings.lock().unwrap_or_else(PoisonError::into_inner);
        let name = image.clone().or_latest().to_string();
        Arc::clone(meanings.entry(name).or_default())
    }

    fn digest_at(&self, image: &Reference) -> Result<Option<BlobDigest>, RegistryError> {
        let tag = image.tag_or_latest().unwrap_or("latest");
        let request = self.request(Method::Head, image, &format!("manifests/{tag}"))?;
        let response = self.ask(image, &request.header("accept", ACCEPT.join(", ")))?;
        if response.status != 200 {
            return Ok(None);
        }
        Ok(response
            .header("docker-content-digest")
            .and_then(|it| it.trim().parse().ok()))
    }

    pub(super) fn document(
        &self,
        image: &Reference,
        which: &str,
        digest: Option<&BlobDigest>,
    ) -> Result<Document, RegistryError> {
        let found = self.anywhere(image, Wanted::Document, |place| {
            self.document_at(place, which, digest).map(Some)
        })?;
        let (document, _) = found.ok_or_else(|| RegistryError::NoPlace(image.to_string()))?;
        Ok(document)
    }

    pub(super) fn document_at(
        &self,
        image: &Reference,
        which: &str,
        digest: Option<&BlobDigest>,
    ) -> Result<Document, RegistryError> {
        let request = self
            .request(Method::Get, image, &format!("manifests/{which}"))?
            .header("accept", ACCEPT.join(", "));
        let response = self.ask(image, &request)?;
        if response.status != 200 {
            return Err(refused(&image.to_string(), response));
        }
        let claimed = response
            .header("docker-content-digest")
            .and_then(|it| it.trim().parse::<BlobDigest>().ok());
        let media_type = response.header("content-type").unwrap_or_default().to_owned();
        let bytes = response.read_small(LARGEST_DOCUMENT)?;
        let found = Sha256::of(&bytes);
        for wanted in digest.into_iter().chain(&claimed) {
            if *wanted != found {
                return Err(RegistryError::Damaged {
                    name: image.to_string(),
                    why: format!("the document `{wanted}` came with the digest `{found}`"),
                });
            }
        }
        let kind = kind_of(&media_type, &bytes).ok_or_else(|| RegistryError::Image {
            name: image.to_string(),
            source: OciError::Schema(1),
        })?;
        Ok(Document {
            digest: found,
            kind,
            bytes,
        })
    }

    /// An image as it was pulled before; `None` when its manifest is not in the store any more.
    pub(super) fn pulled_before(
        &self,
        source: Reference,
        top: BlobDigest,
        config: ImageConfig,
        store: &Store,
    ) -> Result<Option<Pulled>, RegistryError> {
        let Some(manifest_digest) = source.digest().copied() else {
            return Ok(None);
        };
        if !store.has_blob(&manifest_digest)? {
            return Ok(None);
        }
        let bytes = store.read_blob(&manifest_digest, LARGEST_DOCUMENT)?;
        let Ok(manifest) = Manifest::from_bytes(&bytes) else {
            return Ok(None);
        };
        let whole = manifest.layers.len() == config.rootfs.diff_ids.len();
        Ok(whole.then(|| Pulled {
            registries: self.clone(),
            source,
            top,
            manifest_digest,
            manifest,
            config,
        }))
    }
}

impl Pulled {
    /// Something that is known to be somewhere.
    pub(super) fn new(
        registries: &Registries,
        source: Reference,
        digest: BlobDigest,
        manifest: Manifest,
        config: ImageConfig,
    ) -> Self {
        Self {
            registries: registries.clone(),
            source,
            top: digest,
            manifest_digest: digest,
            manifest,
            config,
        }
    }

    /// Its config.
    pub fn config(&self) -> &ImageConfig {
        &self.config
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where it is, by digest.
    pub fn source(&self) -> &Reference {
        &self.source
    }

    /// Ensures that the store has the layer with this number, as it travels. Threads that want the same one wait.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn fetch(&self, number: usize, store: &Store) -> Result<&Descriptor, RegistryError> {
        let layer = self.layer(number)?;
        self.registries.blob(&self.source, layer, store)?;
        Ok(layer)
    }

    /// The same, while `read` reads the layer as it arrives. Whatever it makes of that is good only if this succeeds;
    /// when the layer does not arrive, its reader fails.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn fetch_while<T>(
        &self,
        number: usize,
        store: &Store,
        read: impl FnOnce(&mut (dyn Read + Send)) -> T,
    ) -> Result<(T, &Descriptor), RegistryError> {
        let layer = self.layer(number)?;
        let result = self.registries.blob_while(&self.source, layer, store, read)?;
        Ok((result, layer))
    }

    fn layer(&self, number: usize) -> Result<&Descriptor, RegistryError> {
        self.manifest.layers.get(number).ok_or_else(|| RegistryError::Image {
            name: self.source.to_string(),
            source: OciError::LayerCount {
                layers: self.manifest.layers.len(),
                diff_ids: number + 1,
            },
        })
    }
}

/// The best entry of an index.
fn choose<'a>(index: &'a Index, platform: &Platform) -> Result<&'a Descriptor, OciError> {
    let may_be = |entry: &&Descriptor| {
        !entry.is_attestation() && (entry.media_type.is_empty() || matches!(entry.kind(), Kind::Index | Kind::Manifest))
    };
    let entries: Vec<&Descriptor> = index.manifests.iter().filter(may_be).collect();
    // One that does not say for what it is may be for anything, and is worse than one that says.
    let rank = |entry: &Descriptor| match &entry.platform {
        Some(its) => platform.rank(its),
        None => Some(usize::MAX),
    };
    let ranked = entries.iter().filter_map(|entry| Some((rank(entry)?, *entry)));
    ranked
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, entry)| entry)
        .ok_or_else(|| {
            let mut known: Vec<String> = entries
                .iter()
                .filter_map(|entry| entry.platform.as_ref().map(ToString::to_string))
                .collect();
            known.sort_unstable();
            known.dedup();
            OciError::NoPlatform {
                wanted: platform.to_string(),
                known,
            }
        })
}

/// What a document is: by what the server says, else by what it says of itself; `None` for one of the first schema,
/// which has fields of its own.
fn kind_of(media_type: &str, bytes: &[u8]) -> Option<Kind> {
    #[derive(Deserialize)]
    struct Fields {
        #[serde(rename = "schemaVersion")]
        schema_version: Option<u32>,
        #[serde(rename = "mediaType", default)]
        media_type: String,
        manifests: Option<serde::de::IgnoredAny>,
    }
    let kinds = |media_type: &str| match media::kind(media_type) {
        kind @ (Kind::Index | Kind::Manifest) => Some(kind),
        _ => None,
    };
    if let Some(kind) = kinds(media_type) {
        return Some(kind);
    }
    match serde_json::from_slice::<Fields>(bytes) {
        Ok(fields) if fields.schema_version == Some(1) => None,
        Ok(fields) => Some(kinds(&fields.media_type).unwrap_or(match fields.manifests {
            Some(_) => Kind::Index,
            None => Kind::Manifest,
        })),
        Err(_) => Some(Kind::Manifest),
    }
}

/// An answer to somebody who wanted to have something.
pub(super) fn refused(name: &str, response: Response) -> RegistryError {
    let status = response.status;
    let (name, why) = (name.to_owned(), answer(response));
    match status {
        401 | 403 => RegistryError::Denied { name, why },
        404 => RegistryError::NotFound { name, why },
        _ => RegistryError::Refused { name, why },
    }
}

/// What a registry says when it refuses (OCI distribution-spec, "Error Codes").
pub(super) fn answer(response: Response) -> String {
    #[derive(Deserialize, Default)]
    struct Errors {
        #[serde(default)]
        errors: Vec<Said>,
    }
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    const LARGEST: u64 = 1 << 16;
    let status = response.status;
    let bytes = response.read_small(LARGEST).unwrap_or_default();
    let said: Errors = serde_json::from_slice(&bytes).unwrap_or_default();
    let said = said.errors.into_iter().take(3).map(|said| {
        let text = match (said.code.is_empty(), said.message.is_empty()) {
            (_, false) => said.message,
            (false, true) => said.code.to_lowercase().replace('_', " "),
            (true, true) => "no reason".to_owned(),
        };
        text.chars().filter(|it| !it.is_control()).take(200).collect::<String>()
    });
    let mut parts = vec![format!("status {status}")];
    parts.extend(said);
    parts.join(", ")
}
