//! What was said of an image when it was built, wherever that was put: in the store, beside it in an index, or in
//! something that refers to it.

use super::ImagesError;
use super::find::find;
use crate::attest::{self, About, IN_TOTO, Predicate};
use crate::digest::BlobDigest;
use crate::oci::media::{self, Kind};
use crate::oci::{Descriptor, Index, Layout, Manifest, OciError, Platform, Reference, annotations};
use crate::registry::Registries;
use crate::store::Store;
use std::io::Read as _;

/// Largest document that is read, in bytes.
const LARGEST_DOCUMENT: u64 = 8 << 20;
/// Largest statement, in bytes.
const LARGEST_STATEMENT: u64 = 64 << 20;
/// Most manifests that are looked into for statements.
const MOST_MANIFESTS: usize = 64;

/// Where an image is.
enum Library<'a> {
    /// In the store.
    Store(&'a Store),
    /// In its registry.
    Registry(&'a Registries, Reference),
    /// In a layout.
    Layout(Layout),
}

/// What is said about one matter, of the image of the store that has this name or ID.
///
/// # Errors
/// When there is no such image, or the store can't be read.
pub fn kept_testimony(store: &Store, name: &str, about: About) -> Result<Vec<Predicate>, ImagesError> {
    let image = find(store, name)?;
    let mut all = attest::kept(store, image.id())?;
    all.retain(|it| it.about == about);
    let reference = name.parse::<Reference>().ok().map(Reference::or_latest);
    if all.is_empty()
        && let Some(reference) = reference
        && let Some(top) = store.top_of(&reference.to_string())?
    {
        let bytes = store.read_blob(&top.digest, LARGEST_DOCUMENT)?;
        let top = Descriptor::of(media::of_document(&bytes), &bytes);
        return Library::Store(store).testimony(&top, bytes, about, &image.config.platform());
    }
    Ok(all)
}

/// The same of an image of a registry.
///
/// # Errors
/// When the registry refuses.
pub fn far_testimony(
    registries: &Registries,
    name: &Reference,
    about: About,
    platform: &Platform,
) -> Result<Vec<Predicate>, ImagesError> {
    let top = registries.look(name)?;
    Library::Registry(registries, name.clone()).testimony(&top.descriptor, top.bytes, about, platform)
}

/// The same of an image of a layout.
///
/// # Errors
/// When the layout can't be read.
pub fn layout_testimony(
    layout: Layout,
    selector: Option<&crate::oci::Selector>,
    about: About,
    platform: &Platform,
) -> Result<Vec<Predicate>, ImagesError> {
    let image = layout.image(selector, platform)?;
    let manifest = image.descriptor().digest;
    let tops = layout.index().manifests.clone();
    let library = Library::Layout(layout);
    for top in &tops {
        // The entry may be the image's own, or that of the index which has it.
        if top.kind() == Kind::Index {
            let bytes = library.blob(top, LARGEST_DOCUMENT)?;
            let index = Index::from_bytes(&bytes)?;
            if index.manifests.iter().any(|it| it.digest == manifest) {
                let found = library.beside(&index, &manifest, about)?;
                if !found.is_empty() {
                    return Ok(found);
                }
            }
        }
    }
    library.referring(&manifest, about)
}

impl Library<'_> {
    /// What is said of the image for a platform that a document leads to.
    fn testimony(
        &self,
        top: &Descriptor,
        bytes: Vec<u8>,
        about: About,
        platform: &Platform,
    ) -> Result<Vec<Predicate>, ImagesError> {
        if top.kind() != Kind::Index {
            return self.referring(&top.digest, about);
        }
        let index = Index::from_bytes(&bytes)?;
        let images = index.manifests.iter().filter(|it| !it.is_attestation());
        let rank = |it: &Descriptor| match &it.platform {
            Some(its) => platform.rank(its),
            None => Some(usize::MAX),
        };
        let best = images
            .filter_map(|it| Some((rank(it)?, it)))
            .min_by_key(|(rank, _)| *rank);
        let Some((_, image)) = best else {
            let wanted = platform.to_string();
            return Err(OciError::NoPlatform {
                wanted,
                known: Vec::new(),
            }
            .into());
        };
        let found = self.beside(&index, &image.digest, about)?;
        match found.is_empty() {
            true => self.referring(&image.digest, about),
            false => Ok(found),
        }
    }

    /// What stands beside an image in an index.
    fn beside(&self, index: &Index, image: &BlobDigest, about: About) -> Result<Vec<Predicate>, ImagesError> {
        let image = image.to_string();
        let of_it = |it: &&Descriptor| it.annotations.get(annotations::REFERENCE_DIGEST) == Some(&image);
        let beside: Vec<&Descriptor> = index.manifests.iter().filter(of_it).collect();
        self.read(&beside, about)
    }

    /// What refers to an image.
    fn referring(&self, image: &BlobDigest, about: About) -> Result<Vec<Predicate>, ImagesError> {
        let all = match self {
            Self::Store(_) => Vec::new(),
            Self::Registry(registries, name) => registries.referrers(name, image)?,
            Self::Layout(layout) => {
                let listed = layout.index().manifests.iter();
                let mut found = Vec::new();
                for entry in listed.filter(|it| it.artifact_type.as_deref() == Some(IN_TOTO)) {
                    let manifest = Manifest::from_bytes(&self.blob(entry, LARGEST_DOCUMENT)?)?;
                    if manifest.subject.is_some_and(|it| it.digest == *image) {
                        found.push(entry.clone());
                    }
                }
                found
            }
        };
        let ours = |it: &&Descriptor| {
            // Lists of old registries may lack it.
            it.artifact_type.as_deref().is_none_or(|it| it == IN_TOTO)
        };
        let ours: Vec<&Descriptor> = all.iter().filter(ours).collect();
        self.read(&ours, about)
    }

    /// The statements of manifests, as far as they are about something.
    fn read(&self, manifests: &[&Descriptor], about: About) -> Result<Vec<Predicate>, ImagesError> {
        let mut found = Vec::new();
        for manifest in manifests.iter().take(MOST_MANIFESTS) {
            let manifest = Manifest::from_bytes(&self.document(manifest)?)?;
            for layer in manifest.layers.iter().filter(|it| it.media_type == IN_TOTO) {
                let kind = layer.annotations.get(attest::PREDICATE_TYPE);
                if kind.is_some_and(|kind| Predicate::about(kind) != Some(about)) {
                    continue;
                }
                let statement = self.blob(layer, LARGEST_STATEMENT)?;
                found.extend(Predicate::read(&statement).filter(|it| it.about == about));
            }
        }
        Ok(found)
    }

    fn document(&self, manifest: &Descriptor) -> Result<Vec<u8>, ImagesError> {
        match self {
            Self::Registry(registries, name) => {
                let name = name.clone().without_tag().with_digest(manifest.digest);
                Ok(registries.look(&name)?.bytes)
            }
            _ => self.blob(manifest, LARGEST_DOCUMENT),
        }
    }

    fn blob(&self, blob: &Descriptor, limit: u64) -> Result<Vec<u8>, ImagesError> {
        let too_large = || OciError::TooLarge {
            what: "statement",
            digest: blob.digest,
            size: blob.size,
            limit,
        };
        if blob.size > limit {
            return Err(too_large().into());
        }
        match self {
            Self::Store(store) => Ok(store.read_blob(&blob.digest, limit)?),
            Self::Registry(registries, name) => Ok(registries.small_blob(name, blob, limit)?),
            Self::Layout(layout) => {
                let mut bytes = Vec::new();
                let reader = layout.open_blob("statement", blob)?;
                let read = reader.take(limit).read_to_end(&mut bytes);
                read.map_err(ImagesError::io("read a statement of", layout.path()))?;
                Ok(bytes)
            }
        }
    }
}
