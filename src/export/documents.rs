//! Documents of the store that lead to images: an index, or a manifest, with everything below it.

use super::ExportError;
use super::layers::{Blob, Bytes};
use super::output::Tell;
use super::packed::Packed;
use crate::digest::BlobDigest;
use crate::oci::media::{self, Kind};
use crate::oci::{Descriptor, ImageConfig, Index, Manifest, OciError, Platform, Reference};
use crate::registry::{Parcel, Part, PartBytes, Pulled, Registries};
use crate::store::{Store, StoreError};

/// Largest index, manifest or config that is read, in bytes.
pub(super) const LARGEST_DOCUMENT: u64 = 8 << 20;
/// Indexes inside indexes that are followed.
const DEEPEST: usize = 4;

/// The image of a registry that has a layer which the store does not have, and the layer's number in it.
type Far = Option<(Box<Pulled>, usize)>;

/// A document with what it names.
#[derive(Debug)]
pub(super) struct Node {
    descriptor: Descriptor,
    bytes: Vec<u8>,
    /// Of a manifest: the config and the layers, and where those are that the store does not have.
    blobs: Vec<(Descriptor, Far)>,
    /// Of an index: what it lists.
    below: Vec<Self>,
}

/// Takes what a name of the store leads to to other names, exactly as it is.
///
/// # Errors
/// [`ExportError`]. Names that come earlier have it then.
pub fn push_top(
    store: &Store,
    top: &BlobDigest,
    names: &[Reference],
    registries: &Registries,
    by_digest: bool,
    tell: Tell<'_>,
) -> Result<BlobDigest, ExportError> {
    let parcel = Node::read(store, top, registries)?.parcel();
    Ok(registries.push(&parcel, names, by_digest, store, tell)?)
}

impl Node {
    /// Reads a document of the store and all documents below it; layers that they name may be in registries.
    pub(super) fn read(store: &Store, top: &BlobDigest, registries: &Registries) -> Result<Self, ExportError> {
        let bytes = store.read_blob(top, LARGEST_DOCUMENT)?;
        let media_type = media::of_document(&bytes);
        Self::below(store, registries, Descriptor::of(media_type, &bytes), bytes, 0)
    }

    fn below(
        store: &Store,
        registries: &Registries,
        descriptor: Descriptor,
        bytes: Vec<u8>,
        depth: usize,
    ) -> Result<Self, ExportError> {
        if depth > DEEPEST {
            return Err(OciError::TooDeep(DEEPEST).into());
        }
        if media::kind(media::of_document(&bytes)) == Kind::Index {
            let index = Index::from_bytes(&bytes)?;
            let read = |entry: Descriptor| {
                let bytes = store.read_blob(&entry.digest, LARGEST_DOCUMENT)?;
                Self::below(store, registries, entry, bytes, depth + 1)
            };
            return Ok(Self {
                below: index.manifests.into_iter().map(read).collect::<Result<_, _>>()?,
                blobs: Vec::new(),
                descriptor,
                bytes,
            });
        }
        let manifest = Manifest::from_bytes(&bytes)?;
        let config = manifest.config;
        let mut blobs = vec![(config.clone(), None)];
        let mut source = None;
        for (number, layer) in manifest.layers.into_iter().enumerate() {
            if store.blob_size(&layer.digest)? == Some(layer.size) {
                blobs.push((layer, None));
                continue;
            }
            if source.is_none() && media::kind(&config.media_type) == Kind::Config {
                let document = ImageConfig::from_bytes(&store.read_blob(&config.digest, LARGEST_DOCUMENT)?)?;
                source = registries.source_of(&config.digest, &document, store)?;
            }
            let far = source.as_ref().filter(|pulled| {
                let its = pulled.manifest().layers.get(number);
                its.is_some_and(|its| its.digest == layer.digest)
            });
            let far = far.ok_or(StoreError::NoBlob(layer.digest))?.clone();
            blobs.push((layer, Some((Box::new(far), number))));
        }
        Ok(Self {
            below: Vec::new(),
            descriptor,
            bytes,
            blobs,
        })
    }

    fn parcel(self) -> Parcel {
        let part = |(descriptor, far)| Part {
            descriptor,
            bytes: match far {
                None => PartBytes::Stored,
                Some((pulled, number)) => PartBytes::Far(pulled, number),
            },
        };
        Parcel {
            media_type: self.descriptor.media_type,
            manifest: self.bytes,
            parts: self.blobs.into_iter().map(part).collect(),
            below: self.below.into_iter().map(Self::parcel).collect(),
        }
    }

    /// The same for a layout, under names. Who knows no index is shown the image for this machine, else the first.
    pub(super) fn packed(self, store: &Store, names: &[Reference]) -> Result<Packed, ExportError> {
        let mut all = Gathered::default();
        let top = self.descriptor.clone();
        let listed = self.below.iter().map(|node| node.descriptor.clone()).collect();
        self.gather(&mut all)?;
        let host = Platform::host();
        let mut best: Option<(usize, Manifest)> = None;
        let mut created: Option<String> = None;
        for (descriptor, manifest) in all.images {
            let config = ImageConfig::from_bytes(&store.read_blob(&manifest.config.digest, LARGEST_DOCUMENT)?)?;
            created = created.max(config.created.clone());
            let platform = descriptor.platform.unwrap_or_else(|| config.platform());
            let rank = host.rank(&platform).unwrap_or(usize::MAX);
            if best.as_ref().is_none_or(|(than, _)| rank < *than) {
                best = Some((rank, manifest));
            }
        }
        let shown = best.as_ref().map(|(_, manifest)| manifest);
        Ok(Packed::of_documents(
            top,
            listed,
            all.blobs,
            created.as_deref(),
            names,
            shown,
        ))
    }

    fn gather(self, all: &mut Gathered) -> Result<(), ExportError> {
        let is_manifest = self.below.is_empty() && !self.blobs.is_empty();
        if is_manifest && !self.descriptor.is_attestation() {
            let manifest = Manifest::from_bytes(&self.bytes)?;
            if media::kind(&manifest.config.media_type) == Kind::Config {
                all.images.push((self.descriptor.clone(), manifest));
            }
        }
        all.blobs.push(Blob {
            descriptor: self.descriptor,
            bytes: Bytes::Here(self.bytes),
        });
        all.blobs.extend(self.blobs.into_iter().map(|(descriptor, far)| Blob {
            descriptor,
            bytes: match far {
                None => Bytes::Stored,
                Some((pulled, number)) => Bytes::Registry(pulled, number),
            },
        }));
        self.below.into_iter().try_for_each(|node| node.gather(all))
    }
}

#[derive(Default)]
struct Gathered {
    blobs: Vec<Blob>,
    images: Vec<(Descriptor, Manifest)>,
}
