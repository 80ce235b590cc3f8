//! Blobs: from a registry into the store, checked.

use super::pull::refused;
use super::{Registries, RegistryError};
use crate::digest::{BlobDigest, NotTheBlob};
use crate::http::{Method, Resume, download};
use crate::oci::{Descriptor, Reference};
use crate::store::{Store, StoreError};
use std::sync::{Arc, Mutex, PoisonError};

impl Registries {
    /// Ensures that the store has a blob of an image's repository.
    pub(super) fn blob(&self, image: &Reference, blob: &Descriptor, store: &Store) -> Result<(), RegistryError> {
        let turn = self.turn(&blob.digest);
        // Whoever comes second waits, and then finds it there.
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if store.blob_size(&blob.digest)? == Some(blob.size) {
            return Ok(());
        }
        let name = format!("{}@{}", image.repository(), blob.digest);
        let request = self.request(Method::Get, image, &format!("blobs/{}", blob.digest))?;
        let first = self.ask(image, &request)?;
        if first.status != 200 {
            return Err(refused(&name, first));
        }
        let mut writer = store.blob_writer()?;
        download(first, &Resume::Always, &mut writer, blob.size, |headers| {
            let again = headers.iter().fold(request.clone(), |request, (name, value)| {
                request.header(name, value.clone())
            });
            self.ask(image, &again)
        })?;
        writer
            .finish_expecting(&blob.digest, blob.size)
            .map_err(|error| match error {
                StoreError::Blob(why @ (NotTheBlob::Size { .. } | NotTheBlob::Digest { .. })) => {
                    RegistryError::Damaged {
                        name,
                        why: why.to_string(),
                    }
                }
                other => other.into(),
            })?;
        self.seen(image, &blob.digest, store)
    }

    fn turn(&self, digest: &BlobDigest) -> Arc<Mutex<()>> {
        let mut fetching = self.0.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(fetching.entry(*digest).or_default())
    }
}
