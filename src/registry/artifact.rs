//! Documents that are no images, and layers without an image.

use super::pull::{LARGEST_DOCUMENT, refused};
use super::{Pulled, Registries, RegistryError};
use crate::digest::Sha256;
use crate::http::Method;
use crate::oci::{Descriptor, ImageConfig, Manifest, Reference, media};
use crate::store::Store;

impl Registries {
    /// The manifest that a name leads to, byte by byte; `None` when there is none.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn manifest(&self, name: &Reference) -> Result<Option<Vec<u8>>, RegistryError> {
        let which = match (name.digest(), name.tag_or_latest()) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.unwrap_or("latest").to_owned(),
        };
        let accept = [
            media::OCI_MANIFEST,
            media::OCI_INDEX,
            media::DOCKER_MANIFEST,
            media::DOCKER_INDEX,
        ];
        let request = self
            .request(Method::Get, name, &format!("manifests/{which}"))?
            .header("accept", accept.join(", "));
        let response = self.ask(name, &request)?;
        match response.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(refused(&name.to_string(), response)),
        }
        let bytes = response.read_small(LARGEST_DOCUMENT)?;
        match name.digest() {
            Some(digest) if *digest != Sha256::of(&bytes) => Err(RegistryError::Damaged {
                name: name.to_string(),
                why: format!("the document came with the digest `{}`", Sha256::of(&bytes)),
            }),
            _ => Ok(Some(bytes)),
        }
    }

    /// Ensures that the store has a blob of a repository.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn fetch(&self, repository: &Reference, blob: &Descriptor, store: &Store) -> Result<(), RegistryError> {
        self.blob(repository, blob, store)
    }

    /// Remembers that a repository has a blob, so that it can be mounted elsewhere in its registry.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn note(&self, repository: &Reference, blob: &Descriptor, store: &Store) -> Result<(), RegistryError> {
        self.seen(repository, &blob.digest, store)
    }

    /// Layers of a repository that are no image together; they are fetched as those of one.
    pub fn layers(&self, repository: &Reference, layers: Vec<Descriptor>) -> Pulled {
        let config = Descriptor::of(media::OCI_CONFIG, b"{}");
        let manifest = Manifest::new(media::OCI_MANIFEST, config, layers);
        let digest = Sha256::of(&manifest.to_bytes());
        Pulled::new(
            self,
            repository.clone().without_tag(),
            digest,
            manifest,
            ImageConfig::default(),
        )
    }
}
