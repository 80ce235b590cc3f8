//! Descriptors, manifests and indexes, in the order of fields that Go's image-spec writes.

use super::OciError;
use super::config::null_default;
use super::media::{self, Kind};
use super::platform::Platform;
use crate::digest::{BlobDigest, Sha256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Names of annotations that varve reads or writes.
pub mod annotations {
    /// The tag of a manifest in an index (OCI image-spec `annotations.md`).
    pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
    /// When an image was made, RFC 3339.
    pub const CREATED: &str = "org.opencontainers.image.created";
    /// The whole name of an image, as containerd reads it.
    pub const IMAGE_NAME: &str = "io.containerd.image.name";
    /// Marks what is no image but speaks of one: `attestation-manifest`.
    pub const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
    /// The digest of the manifest that it speaks of.
    pub const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
}

/// Points at a document or a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// What it is.
    #[serde(rename = "mediaType", default, deserialize_with = "null_default")]
    pub media_type: String,
    /// Its name.
    pub digest: BlobDigest,
    /// Its size in bytes.
    pub size: u64,
    /// Where else it can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub urls: Vec<String>,
    /// Notes.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_default"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The bytes themselves, in base64, when they are few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// For which machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What kind of artifact, if it is none of OCI's own documents.
    #[serde(rename = "artifactType", default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// Points at bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self::new(media_type, Sha256::of(bytes), bytes.len() as u64)
    }

    /// Points at something with this name and size.
    pub fn new(media_type: &str, digest: BlobDigest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            data: None,
            platform: None,
            artifact_type: None,
        }
    }

    /// What the media type says.
    pub fn kind(&self) -> Kind {
        media::kind(&self.media_type)
    }

    /// Whether it speaks of an image rather than being one.
    pub fn is_attestation(&self) -> bool {
        self.annotations.contains_key(annotations::REFERENCE_TYPE)
            || self
                .platform
                .as_ref()
                .is_some_and(|platform| platform.os == "unknown" && platform.architecture == "unknown")
    }
}

/// A manifest: one image for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// Its own media type; absent in older OCI manifests.
    #[serde(
        rename = "mediaType",
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub media_type: String,
    /// What kind of artifact, if it is no image.
    #[serde(rename = "artifactType", default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The config.
    pub config: Descriptor,
    /// The layers, lowest first.
    #[serde(default, deserialize_with = "null_default")]
    pub layers: Vec<Descriptor>,
    /// What it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Notes.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_default"
    )]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// A manifest of an image.
    pub fn new(media_type: &str, config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: media_type.to_owned(),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The document.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// What it names: the layers, and the config; each once.
    pub fn blobs(&self) -> Vec<BlobDigest> {
        let all = self.layers.iter().chain([&self.config]).map(|it| it.digest);
        let mut seen = BTreeSet::new();
        all.filter(|digest| seen.insert(*digest)).collect()
    }

    /// Reads a document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OciError> {
        let manifest: Self = from_bytes("manifest", bytes)?;
        check_schema(manifest.schema_version)?;
        Ok(manifest)
    }
}

/// An index: several manifests, or indexes of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// Its own media type; absent in older ones.
    #[serde(
        rename = "mediaType",
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "null_default"
    )]
    pub media_type: String,
    /// What kind of artifact, if it is not of images.
    #[serde(rename = "artifactType", default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it lists.
    #[serde(default, deserialize_with = "null_default")]
    pub manifests: Vec<Descriptor>,
    /// What it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Notes.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "null_default"
    )]
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// An OCI index.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: media::OCI_INDEX.to_owned(),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The document.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_bytes(self)
    }

    /// Reads a document.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, OciError> {
        let index: Self = from_bytes("index", bytes)?;
        check_schema(index.schema_version)?;
        Ok(index)
    }
}

/// Serialises a document; documents hold only text, numbers and lists, so there is nothing that can fail.
pub(super) fn to_bytes<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}

/// Reads a document, whose kind is named in the error.
pub(super) fn from_bytes<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, OciError> {
    serde_json::from_slice(bytes).map_err(|source| OciError::Document { what, source })
}

fn check_schema(version: u32) -> Result<(), OciError> {
    match version {
        2 => Ok(()),
        other => Err(OciError::Schema(other)),
    }
}
