//! Images as documents and blobs: one manifest, or an index of several.

use super::layers::{Blob, Bytes};
use super::member::{Annotations, Attestation, IndexNotes};
use crate::digest::BlobDigest;
use crate::oci::media::{self, Family, LayerForm};
use crate::oci::{Descriptor, ImageConfig, Index, Manifest, Platform, Reference, annotations};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is handed out, down to its blobs.
#[derive(Debug)]
pub(super) struct Packed {
    /// What a name leads to: the index, or the only manifest, with the annotations that were asked for.
    pub(super) top: Descriptor,
    /// What an index lists, in its order; empty without one.
    pub(super) listed: Vec<Descriptor>,
    /// Manifests that refer to the images.
    pub(super) referring: Vec<Descriptor>,
    /// By digest, each once.
    pub(super) blobs: BTreeMap<BlobDigest, Blob>,
    /// The config of the only image.
    config: Option<Descriptor>,
    /// A layout's own index: a line for each name.
    entries: Index,
    /// For `docker load`.
    saved: Vec<Saved>,
}

/// One image as documents and blobs.
#[derive(Debug)]
pub(super) struct PackedImage {
    /// The manifest's descriptor, with its platform and the annotations that were asked for.
    pub(super) manifest: Descriptor,
    pub(super) document: Manifest,
    pub(super) config: ImageConfig,
    blobs: Vec<Blob>,
}

/// An image as `docker load` finds it in `manifest.json`.
#[derive(Debug, Serialize)]
struct Saved {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags")]
    names: Vec<String>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

/// The family that all layers can be written in: Docker's has no word for zstd.
pub(super) fn family_for<'a>(wanted: Family, layers: impl IntoIterator<Item = &'a Blob>) -> Family {
    let zstd = |layer: &Blob| media::kind(&layer.descriptor.media_type) == media::Kind::Layer(LayerForm::Zstd);
    if layers.into_iter().any(zstd) {
        Family::Oci
    } else {
        wanted
    }
}

impl PackedImage {
    /// Writes the documents of an image.
    pub(super) fn new(
        config: &ImageConfig,
        config_bytes: Vec<u8>,
        layers: Vec<Blob>,
        family: Family,
        annotations: &Annotations,
    ) -> Self {
        let mut layers = layers;
        for layer in &mut layers {
            if let media::Kind::Layer(form) = media::kind(&layer.descriptor.media_type) {
                layer.descriptor.media_type = family.layer(form).to_owned();
            }
        }
        let config_blob = Blob {
            descriptor: Descriptor::of(family.config(), &config_bytes),
            bytes: Bytes::Here(config_bytes),
        };
        let descriptors: Vec<Descriptor> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
        let mut document = Manifest::new(family.manifest(), config_blob.descriptor.clone(), descriptors);
        document.annotations.clone_from(&annotations.manifest);
        let bytes = document.to_bytes();
        let mut image = Self::of(config, config_blob, document, bytes, layers);
        image.manifest.annotations.clone_from(&annotations.descriptor);
        image
    }

    /// An image whose manifest is there.
    pub(super) fn of(
        config: &ImageConfig,
        config_blob: Blob,
        document: Manifest,
        bytes: Vec<u8>,
        layers: Vec<Blob>,
    ) -> Self {
        let media_type = match document.media_type.as_str() {
            "" => Family::Oci.manifest(),
            known => known,
        };
        let mut manifest = Descriptor::of(media_type, &bytes);
        manifest.platform = Some(Platform {
            os_version: config.os_version.clone(),
            ..Platform::new(&config.os, &config.architecture, &config.variant)
        });
        let manifest_blob = Blob {
            descriptor: manifest.clone(),
            bytes: Bytes::Here(bytes),
        };
        let mut blobs = layers;
        blobs.extend([config_blob, manifest_blob]);
        Self {
            manifest,
            document,
            config: config.clone(),
            blobs,
        }
    }

    fn saved(&self, names: &[Reference]) -> Saved {
        Saved {
            config: path_of(&self.document.config.digest),
            names: names.iter().map(Reference::familiar).collect(),
            layers: self
                .document
                .layers
                .iter()
                .map(|layer| path_of(&layer.digest))
                .collect(),
        }
    }
}

impl Packed {
    /// One image, to which its manifest alone leads.
    pub(super) fn one(image: PackedImage, names: &[Reference]) -> Self {
        let created = image.config.created.clone();
        let mut packed = Self::new(image.manifest.clone(), created.as_deref(), names);
        packed.saved.push(image.saved(names));
        packed.config = Some(image.document.config.clone());
        packed.add(image.blobs);
        packed
    }

    /// An index of images, and of what speaks of each of them.
    pub(super) fn index(
        images: Vec<(PackedImage, Vec<Attestation>)>,
        family: Family,
        names: &[Reference],
        notes: &IndexNotes,
    ) -> Self {
        let mut listed: Vec<Descriptor> = images.iter().map(|(image, _)| image.manifest.clone()).collect();
        let mut blobs = Vec::new();
        // What a reader takes that knows no index: the image for this machine, else the first.
        let host = Platform::host();
        let rank = |image: &PackedImage| {
            let platform = image.manifest.platform.as_ref();
            platform.and_then(|it| host.rank(it)).unwrap_or(usize::MAX)
        };
        let first = images.iter().min_by_key(|(image, _)| rank(image));
        let saved: Vec<Saved> = first.map(|(image, _)| image.saved(names)).into_iter().collect();
        let created = images
            .iter()
            .filter_map(|(image, _)| image.config.created.clone())
            .max();
        let configs: Vec<_> = images.iter().map(|(image, _)| image.document.config.clone()).collect();
        for (image, attestations) in images {
            for attestation in attestations {
                let (descriptor, more) = attestation.packed(&image.manifest.digest);
                listed.push(descriptor);
                blobs.extend(more);
            }
            blobs.extend(image.blobs);
        }
        let mut document = Index::new(listed.clone());
        document.annotations.clone_from(&notes.index);
        if family == Family::Docker && !needs_oci(&document) {
            document.media_type = family.index().to_owned();
        }
        let bytes = document.to_bytes();
        let mut top = Descriptor::of(&document.media_type, &bytes);
        top.annotations.clone_from(&notes.descriptor);
        let mut packed = Self::new(top.clone(), created.as_deref(), names);
        if let [only] = &configs[..] {
            packed.config = Some(only.clone());
        }
        packed.listed = listed;
        packed.saved = saved;
        blobs.push(Blob {
            descriptor: top,
            bytes: Bytes::Here(bytes),
        });
        packed.add(blobs);
        packed
    }

    /// Documents that are there as they are: what a name leads to, what that lists, and all blobs.
    pub(super) fn of_documents(
        top: Descriptor,
        listed: Vec<Descriptor>,
        blobs: Vec<Blob>,
        created: Option<&str>,
        names: &[Reference],
        shown: Option<&Manifest>,
    ) -> Self {
        let mut packed = Self::new(top, created, names);
        packed.listed = listed;
        packed.saved.extend(shown.map(|manifest| Saved {
            config: path_of(&manifest.config.digest),
            names: names.iter().map(Reference::familiar).collect(),
            layers: manifest.layers.iter().map(|layer| path_of(&layer.digest)).collect(),
        }));
        packed.add(blobs);
        packed
    }

    /// Several images as one layout; the first one's counts. Nothing when there is none.
    pub(super) fn joined(images: Vec<Self>) -> Option<Self> {
        let mut images = images.into_iter();
        let mut all = images.next()?;
        for image in images {
            for (digest, blob) in image.blobs {
                all.blobs.entry(digest).or_insert(blob);
            }
            all.entries.manifests.extend(image.entries.manifests);
            all.saved.extend(image.saved);
        }
        Some(all)
    }

    fn new(top: Descriptor, created: Option<&str>, names: &[Reference]) -> Self {
        let entries = match names.is_empty() {
            true => vec![entry(&top, created, None)],
            false => names.iter().map(|name| entry(&top, created, Some(name))).collect(),
        };
        Self {
            top,
            listed: Vec::new(),
            referring: Vec::new(),
            blobs: BTreeMap::new(),
            config: None,
            entries: Index::new(entries),
            saved: Vec::new(),
        }
    }

    fn add(&mut self, blobs: Vec<Blob>) {
        for blob in blobs {
            self.blobs.entry(blob.descriptor.digest).or_insert(blob);
        }
    }

    /// Adds what refers to the images; a layout lists it beside them.
    pub(super) fn refer(&mut self, attestations: Vec<Attestation>) {
        for attestation in attestations {
            let (descriptor, blobs) = attestation.referring();
            self.entries.manifests.push(descriptor.clone());
            self.referring.push(descriptor);
            self.add(blobs);
        }
    }

    /// The config of the only image; `None` when there are several.
    pub(super) fn config(&self) -> Option<Descriptor> {
        self.config.clone()
    }

    /// The index of a layout that holds nothing else.
    pub(super) fn entries(&self) -> &Index {
        &self.entries
    }

    /// What `docker load` reads.
    pub(super) fn saved(&self) -> Vec<u8> {
        serde_json::to_vec(&self.saved).unwrap_or_default()
    }
}

/// Whether an index says what Docker's has no words for.
fn needs_oci(index: &Index) -> bool {
    let notes = |entry: &Descriptor| !entry.annotations.is_empty();
    !index.annotations.is_empty() || index.manifests.iter().any(notes)
}

/// A line of a layout's index, under a name.
fn entry(top: &Descriptor, created: Option<&str>, name: Option<&Reference>) -> Descriptor {
    let mut entry = top.clone();
    if let Some(created) = created {
        // Whoever gave one knows better.
        let known = entry.annotations.entry(annotations::CREATED.to_owned());
        known.or_insert_with(|| created.to_owned());
    }
    if let Some(name) = name {
        entry
            .annotations
            .insert(annotations::IMAGE_NAME.to_owned(), name.to_string());
        if let Some(tag) = name.tag() {
            entry
                .annotations
                .insert(annotations::REF_NAME.to_owned(), tag.to_owned());
        }
    }
    entry
}

/// Where a layout has a blob.
pub(super) fn path_of(digest: &BlobDigest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}
