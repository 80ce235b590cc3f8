//! What `docker save` writes: a `manifest.json`, configs, and layers without digests of their own.

use super::archive::{Archive, FileRange};
use super::config::{ImageConfig, null_default};
use super::documents::{Descriptor, Index, Manifest, annotations, from_bytes};
use super::layout::{descriptor_of, read_range};
use super::{OciError, Reference, media};
use crate::digest::BlobDigest;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// One image of a `manifest.json`.
#[derive(Deserialize)]
struct Item {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default, deserialize_with = "null_default")]
    names: Vec<String>,
    #[serde(rename = "Layers", default, deserialize_with = "null_default")]
    layers: Vec<String>,
}

/// The images of such a tar, as an index over manifests that were made up for them.
#[derive(Debug)]
pub(super) struct Saved {
    index: Index,
    blobs: HashMap<BlobDigest, FileRange>,
}

impl Saved {
    pub(super) fn new(path: &Path, archive: Archive) -> Result<Self, OciError> {
        let missing = |name: &str| OciError::NotALayout {
            path: path.to_owned(),
            reason: format!("its `manifest.json` speaks of `{name}`, which is missing"),
        };
        let find = |name: &str| archive.find(name).ok_or_else(|| missing(name));
        let text = read_range(path, find("manifest.json")?, "read a file of")?;
        let items: Vec<Item> = from_bytes("`manifest.json`", &text)?;
        let mut saved = Self {
            index: Index::new(Vec::new()),
            blobs: HashMap::new(),
        };
        for item in items {
            let bytes = read_range(path, find(&item.config)?, "read a config of")?;
            let config = ImageConfig::from_bytes(&bytes)?;
            if config.rootfs.diff_ids.len() != item.layers.len() {
                return Err(OciError::LayerCount {
                    layers: item.layers.len(),
                    diff_ids: config.rootfs.diff_ids.len(),
                });
            }
            let mut layers = Vec::with_capacity(item.layers.len());
            for (name, diff_id) in item.layers.iter().zip(&config.rootfs.diff_ids) {
                let range = find(name)?;
                let mut start = Vec::new();
                let mut peek = range.clone().take(4);
                peek.read_to_end(&mut start).map_err(|source| OciError::Io {
                    action: "read a layer of",
                    path: path.to_owned(),
                    source,
                })?;
                let layer = match start[..] {
                    [0x1f, 0x8b, ..] => descriptor_of(path, media::DOCKER_LAYER_GZIP, range.clone())?,
                    [0x28, 0xb5, 0x2f, 0xfd] => descriptor_of(path, media::DOCKER_LAYER_ZSTD, range.clone())?,
                    // The config promises the digest of a plain tar, and reading checks it.
                    _ => Descriptor::new(
                        media::DOCKER_LAYER,
                        BlobDigest::from_bytes(*diff_id.as_bytes()),
                        range.size(),
                    ),
                };
                saved.blobs.insert(layer.digest, range);
                layers.push(layer);
            }
            let config_descriptor = Descriptor::of(media::DOCKER_CONFIG, &bytes);
            saved.blobs.insert(config_descriptor.digest, find(&item.config)?);
            let manifest = Manifest::new(media::DOCKER_MANIFEST, config_descriptor, layers).to_bytes();
            let mut descriptor = Descriptor::of(media::DOCKER_MANIFEST, &manifest);
            descriptor.platform = Some(config.platform());
            saved.blobs.insert(descriptor.digest, in_memory(path, &manifest)?);
            if item.names.is_empty() {
                saved.index.manifests.push(descriptor.clone());
            }
            for name in item.names {
                let mut named = descriptor.clone();
                if let Ok(reference) = Reference::parse(&name) {
                    if let Some(tag) = reference.tag() {
                        named
                            .annotations
                            .insert(annotations::REF_NAME.to_owned(), tag.to_owned());
                    }
                    named
                        .annotations
                        .insert(annotations::IMAGE_NAME.to_owned(), reference.to_string());
                }
                saved.index.manifests.push(named);
            }
        }
        Ok(saved)
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    pub(super) fn find(&self, digest: &BlobDigest) -> Option<FileRange> {
        self.blobs.get(digest).cloned()
    }
}

/// Bytes as a part of a file that has no name, so that made-up documents are read like all others.
fn in_memory(path: &Path, bytes: &[u8]) -> Result<FileRange, OciError> {
    let make = || -> std::io::Result<FileRange> {
        let mut file = File::from(rustix::fs::memfd_create("manifest", rustix::fs::MemfdFlags::CLOEXEC)?);
        file.write_all(bytes)?;
        Ok(FileRange::new(&Arc::new(file), 0, bytes.len() as u64))
    };
    make().map_err(|source| OciError::Io {
        action: "hold a manifest for",
        path: path.to_owned(),
        source,
    })
}
