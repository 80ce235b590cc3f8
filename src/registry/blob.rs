//! Blobs: from a registry into the store, checked.

use super::pull::refused;
use super::route::Wanted;
use super::{Registries, RegistryError};
use crate::digest::{BlobDigest, NotTheBlob};
use crate::http::{Method, Resume, download};
use crate::oci::{Descriptor, Reference};
use crate::store::{BlobWriter, Store, StoreError};
use std::io::Read;
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
        loop {
            match self.receive(image, blob, store.blob_writer()?, store) {
                // There is one mirror less to ask now.
                Err(error) if error.is_of_mirror() => {}
                other => return other,
            }
        }
    }

    /// The same, while `read` reads the blob as it arrives. What it reads is proven when this returns, and its reader
    /// does not end before.
    pub(super) fn blob_while<T>(
        &self,
        image: &Reference,
        blob: &Descriptor,
        store: &Store,
        read: impl FnOnce(&mut (dyn Read + Send)) -> T,
    ) -> Result<T, RegistryError> {
        let turn = self.turn(&blob.digest);
        let guard = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if store.blob_size(&blob.digest)? == Some(blob.size)
            && let Some(mut reader) = store.open_blob(&blob.digest)?
        {
            drop(guard);
            return Ok(read(&mut reader));
        }
        let mut writer = store.blob_writer()?;
        let mut follower = writer.follow()?;
        let (received, result) = std::thread::scope(|scope| {
            let receiver = scope.spawn(|| self.receive(image, blob, writer, store));
            let result = read(&mut follower);
            (receiver.join(), result)
        });
        received
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            .map(|()| result)
    }

    /// Fetches a blob to its end, and gives it its name when it is the one that was asked for.
    ///
    /// # Errors
    /// [`RegistryError::Mirror`] when it may work the next time.
    fn receive(
        &self,
        image: &Reference,
        blob: &Descriptor,
        mut writer: BlobWriter,
        store: &Store,
    ) -> Result<(), RegistryError> {
        let name = format!("{}@{}", image.repository(), blob.digest);
        let request = |place: &Reference| self.request(Method::Get, place, &format!("blobs/{}", blob.digest));
        let found = self.anywhere(image, Wanted::Blob, |place| {
            let response = self.ask(place, &request(place)?)?;
            match response.status {
                200 => Ok(Some(response)),
                _ => Err(refused(&name, response)),
            }
        })?;
        let (first, place) = found.ok_or_else(|| RegistryError::NoPlace(image.to_string()))?;
        let request = request(&place)?;
        let received = download(first, &Resume::Always, &mut writer, blob.size, |headers| {
            let again = headers.iter().fold(request.clone(), |request, (name, value)| {
                request.header(name, value.clone())
            });
            self.ask(&place, &again)
        });
        let kept = received.and_then(|_| {
            let kept = writer.finish_expecting(&blob.digest, blob.size);
            kept.map_err(|error| match error {
                StoreError::Blob(why @ (NotTheBlob::Size { .. } | NotTheBlob::Digest { .. })) => {
                    RegistryError::Damaged {
                        name,
                        why: why.to_string(),
                    }
                }
                other => other.into(),
            })
        });
        match kept {
            Err(error @ (RegistryError::Http(_) | RegistryError::Damaged { .. }))
                if !error.is_stopped() && place != self.origin_of(image)? =>
            {
                self.mistrust(&place, &error);
                Err(RegistryError::Mirror {
                    mirror: place.registry().to_owned(),
                    source: Box::new(error),
                })
            }
            Err(error) => Err(error),
            Ok(()) => self.seen(&place, &blob.digest, store),
        }
    }

    fn turn(&self, digest: &BlobDigest) -> Arc<Mutex<()>> {
        let mut fetching = self.0.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(fetching.entry(*digest).or_default())
    }
}
