//! What is handed out: one image, or several that an index joins, and what speaks of each.

use super::ExportError;
use super::image::Image;
use super::layers::{Blob, Bytes};
use crate::digest::{BlobDigest, ContentId};
use crate::exchange::Bundle;
use crate::oci::{Descriptor, ImageConfig, Manifest, Platform, Reference, annotations};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One of the images that are handed out together. One alone, of which nothing speaks, is a manifest without an index.
#[derive(Clone)]
pub struct Member<'a> {
    /// The image.
    pub image: &'a Image,
    /// Notes on it.
    pub annotations: Annotations,
    /// Makes what speaks of it, once its manifest is known: its provenance, for example.
    pub attest: Option<&'a Attest<'a>>,
    /// Makes what refers to it, and travels beside it: the image stays as it is.
    pub refer: Option<&'a Attest<'a>>,
    /// Records of its steps, which its config is to have.
    pub records: Option<Arc<Records>>,
}

/// Records of an image's steps, for those who have the image.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// The records.
    pub bundle: Bundle,
    /// Which layer of the image each step's is, from 0.
    pub numbers: BTreeMap<ContentId, usize>,
}

/// Makes what speaks of an image. An answer that is empty leaves an image that is alone without an index.
pub type Attest<'a> = dyn Fn(&Subject<'_>) -> Result<Vec<Attestation>, ExportError> + Sync + 'a;

/// Notes on an image, by key. They are no part of its config, and so not of its ID.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations {
    /// In the manifest.
    pub manifest: BTreeMap<String, String>,
    /// Beside the manifest's entry in the index; written in OCI's media types only.
    pub descriptor: BTreeMap<String, String>,
}

/// Notes on an index; written in OCI's media types only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexNotes {
    /// In the index.
    pub index: BTreeMap<String, String>,
    /// Beside the index's entry in a layout.
    pub descriptor: BTreeMap<String, String>,
}

/// An image that something is to be said of.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Points at its manifest, and says its platform.
    pub descriptor: &'a Descriptor,
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// Its config.
    pub config: &'a ImageConfig,
    /// The names under which it is handed out.
    pub names: &'a [Reference],
}

/// A manifest that speaks of an image, and stands beside it in the index (BuildKit's "attestation manifest").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The manifest.
    pub manifest: Manifest,
    /// The blobs that it names: config and layers.
    pub blobs: Vec<(Descriptor, Vec<u8>)>,
}

impl Attestation {
    /// Its entry in lists of what refers to an image, and all blobs with the manifest itself.
    pub(super) fn referring(self) -> (Descriptor, Vec<Blob>) {
        let bytes = self.manifest.to_bytes();
        let mut descriptor = Descriptor::of(crate::oci::media::OCI_MANIFEST, &bytes);
        descriptor.artifact_type = self.manifest.artifact_type;
        descriptor.annotations = self.manifest.annotations;
        let blob = |(descriptor, bytes)| Blob {
            descriptor,
            bytes: Bytes::Here(bytes),
        };
        let mut blobs: Vec<Blob> = self.blobs.into_iter().map(blob).collect();
        blobs.push(blob((descriptor.clone(), bytes)));
        (descriptor, blobs)
    }

    /// Its entry in an index, for the image with this manifest, and all blobs with the manifest itself.
    pub(super) fn packed(self, of: &BlobDigest) -> (Descriptor, Vec<Blob>) {
        let bytes = self.manifest.to_bytes();
        let media_type = match self.manifest.media_type.as_str() {
            "" => crate::oci::media::OCI_MANIFEST,
            known => known,
        };
        let mut descriptor = Descriptor::of(media_type, &bytes);
        descriptor.annotations = BTreeMap::from([
            (annotations::REFERENCE_DIGEST.to_owned(), of.to_string()),
            (
                annotations::REFERENCE_TYPE.to_owned(),
                "attestation-manifest".to_owned(),
            ),
        ]);
        // No machine runs it.
        descriptor.platform = Some(Platform {
            os: "unknown".to_owned(),
            architecture: "unknown".to_owned(),
            ..Platform::default()
        });
        let blob = |(descriptor, bytes)| Blob {
            descriptor,
            bytes: Bytes::Here(bytes),
        };
        let mut blobs: Vec<Blob> = self.blobs.into_iter().map(blob).collect();
        blobs.push(blob((descriptor.clone(), bytes)));
        (descriptor, blobs)
    }
}

impl<'a> Member<'a> {
    /// An image of which nothing more is said.
    pub fn plain(image: &'a Image) -> Self {
        Self {
            image,
            annotations: Annotations::default(),
            attest: None,
            refer: None,
            records: None,
        }
    }
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("image", &self.image)
            .field("annotations", &self.annotations)
            .finish_non_exhaustive()
    }
}
