//! Images to a registry: what it lacks is sent, and at the end the manifest that names it all.

use super::auth::Purpose;
use super::pull::answer;
use super::{Pulled, Registries, RegistryError};
use crate::digest::{BlobDigest, Sha256};
use crate::http::Method;
use crate::oci::{Descriptor, Reference};
use crate::store::Store;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// An image that is ready to go, or an index of several.
#[derive(Debug)]
pub struct Parcel {
    /// The media type of its manifest.
    pub media_type: String,
    /// Its manifest, or the index.
    pub manifest: Vec<u8>,
    /// What the manifest names: the config and the layers.
    pub parts: Vec<Part>,
    /// What the index lists; each goes before it.
    pub below: Vec<Self>,
}

/// A blob of an image that is to be pushed.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is.
    pub descriptor: Descriptor,
    /// Where its bytes are.
    pub bytes: PartBytes,
}

/// Where the bytes of a blob are.
#[derive(Debug, Clone)]
pub enum PartBytes {
    /// In memory.
    Here(Arc<[u8]>),
    /// In the store.
    Stored,
    /// In a file, from some byte on.
    File(Arc<File>, u64),
    /// In a registry, as a layer of an image there. It is fetched only if it must be.
    Far(Box<Pulled>, usize),
}

/// Something that happened on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// An image is on its way to a name.
    Began(Reference),
    /// A blob of it is there.
    Blob {
        /// Which.
        digest: BlobDigest,
        /// Its size in bytes.
        size: u64,
        /// How it came there.
        arrival: Arrival,
    },
    /// The image is there.
    Done {
        /// Its name, with its digest.
        name: Reference,
        /// Whether it was there before.
        known: bool,
    },
}

/// How a blob came to be in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// It was there.
    Known,
    /// The registry took it from another repository.
    Mounted(String),
    /// It was sent.
    Sent,
}

impl fmt::Display for Pushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began(name) => write!(f, "pushing {name}"),
            Self::Blob { digest, size, arrival } => {
                write!(f, "blob {}, {size} bytes: ", &digest.hex()[..12])?;
                match arrival {
                    Arrival::Known => f.write_str("there already"),
                    Arrival::Mounted(from) => write!(f, "taken from {from}"),
                    Arrival::Sent => f.write_str("sent"),
                }
            }
            Self::Done { name, known: true } => write!(f, "{name} was there already"),
            Self::Done { name, known: false } => write!(f, "pushed {name}"),
        }
    }
}

/// Blobs that are sent at the same time.
const AT_ONCE: usize = 4;

impl Registries {
    /// Takes an image to names; with `by_digest` to their repositories only, without a tag. Returns its digest.
    ///
    /// A registry that has the image under the name already is asked nothing else.
    ///
    /// # Errors
    /// [`RegistryError`]. Names that come earlier have the image then.
    pub fn push(
        &self,
        parcel: &Parcel,
        names: &[Reference],
        by_digest: bool,
        store: &Store,
        tell: &(dyn Fn(Pushed) + Sync),
    ) -> Result<BlobDigest, RegistryError> {
        let digest = Sha256::of(&parcel.manifest);
        let mut filled = BTreeSet::new();
        for name in names {
            let repository = name.clone().without_tag();
            let target = match by_digest {
                true => repository.clone().with_digest(digest),
                false => name.clone().or_latest(),
            };
            tell(Pushed::Began(target.clone()));
            let (place, repository) = (self.origin_of(&target)?, self.origin_of(&repository)?);
            let known = self.has_manifest(&place, &digest, &parcel.media_type)?;
            if !known {
                if !filled.contains(&repository) {
                    self.fill_below(parcel, &repository, store, tell)?;
                    self.fill(parcel, &repository, store, tell)?;
                    filled.insert(repository);
                }
                self.put_manifest(&place, &digest, parcel)?;
            }
            let name = target.with_digest(digest);
            tell(Pushed::Done { name, known });
        }
        Ok(digest)
    }

    /// Takes what an index lists to a repository, without tags. What is there already is not looked into.
    fn fill_below(
        &self,
        parcel: &Parcel,
        repository: &Reference,
        store: &Store,
        tell: &(dyn Fn(Pushed) + Sync),
    ) -> Result<(), RegistryError> {
        for below in &parcel.below {
            let digest = Sha256::of(&below.manifest);
            let target = repository.clone().with_digest(digest);
            if !self.has_manifest(&target, &digest, &below.media_type)? {
                self.fill_below(below, repository, store, tell)?;
                self.fill(below, repository, store, tell)?;
                self.put_manifest(&target, &digest, below)?;
            }
        }
        Ok(())
    }

    pub(super) fn has_manifest(
        &self,
        target: &Reference,
        digest: &BlobDigest,
        media_type: &str,
    ) -> Result<bool, RegistryError> {
        let request = self
            .request(Method::Head, target, &format!("manifests/{}", which(target)))?
            .header("accept", media_type);
        let response = self.ask_to(&Purpose::Push, target, &request)?;
        let told = response.header("docker-content-digest").map(str::trim);
        Ok(response.status == 200 && told.and_then(|it| it.parse().ok()) == Some(*digest))
    }

    /// Puts a manifest in its place; says to which other one the registry knows now that it refers.
    pub(super) fn put_manifest(
        &self,
        target: &Reference,
        digest: &BlobDigest,
        parcel: &Parcel,
    ) -> Result<Option<BlobDigest>, RegistryError> {
        let request = self
            .request(Method::Put, target, &format!("manifests/{}", which(target)))?
            .header("content-type", &parcel.media_type)
            .bytes(parcel.manifest.clone());
        let response = self.ask_to(&Purpose::Push, target, &request)?;
        if !matches!(response.status, 200..=204) {
            return Err(not_taken(format!("the manifest of `{target}`"), target, response));
        }
        let digest_in = |header| {
            let told: Option<&str> = response.header(header);
            told.and_then(|it| it.trim().parse::<BlobDigest>().ok())
        };
        match digest_in("docker-content-digest") {
            Some(told) if told != *digest => Err(RegistryError::NotTaken {
                what: format!("the manifest of `{target}` as it is"),
                why: format!("it was sent as `{digest}` and is kept as `{told}`"),
            }),
            _ => Ok(digest_in("oci-subject")),
        }
    }

    /// Ensures that a repository has all that an image's manifest names.
    pub(super) fn fill(
        &self,
        parcel: &Parcel,
        repository: &Reference,
        store: &Store,
        tell: &(dyn Fn(Pushed) + Sync),
    ) -> Result<(), RegistryError> {
        let mut seen = BTreeSet::new();
        let parts: Vec<&Part> = parcel
            .parts
            .iter()
            .filter(|part| seen.insert(part.descriptor.digest))
            .collect();
        let deliver = |part: &Part| {
            let arrival = self.deliver(repository, part, store)?;
            self.seen(repository, &part.descriptor.digest, store)?;
            tell(Pushed::Blob {
                digest: part.descriptor.digest,
                size: part.descriptor.size,
                arrival,
            });
            Ok(())
        };
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let failure: Mutex<Option<RegistryError>> = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(parts.len()) {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst)
                        && let Some(part) = parts.get(next.fetch_add(1, Ordering::SeqCst))
                    {
                        if let Err(error) = deliver(part) {
                            stop.store(true, Ordering::SeqCst);
                            // The first counts; others may be its consequence.
                            failure
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .get_or_insert(error);
                        }
                    }
                });
            }
        });
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        failure.map_or(Ok(()), Err)
    }

    fn deliver(&self, repository: &Reference, part: &Part, store: &Store) -> Result<Arrival, RegistryError> {
        let blob = &part.descriptor;
        let request = self.request(Method::Head, repository, &format!("blobs/{}", blob.digest))?;
        let response = self.ask_to(&Purpose::Push, repository, &request)?;
        match response.status {
            200 if response.length().is_none_or(|length| length == blob.size) => return Ok(Arrival::Known),
            401 | 403 => return Err(not_taken(String::new(), repository, response)),
            // Whatever is wrong shows when it is sent.
            _ => drop(response),
        }
        let from = match &part.bytes {
            PartBytes::Far(pulled, _) if pulled.source().registry() == repository.registry() => {
                Some(pulled.source().repository().to_owned()).filter(|it| it != repository.repository())
            }
            _ => self.holder(repository, &blob.digest, store)?,
        };
        let mut session = None;
        if let Some(from) = from {
            let request = self.request(Method::Post, repository, "blobs/uploads/")?;
            let request = request.with_query(&[("mount", &blob.digest.to_string()), ("from", &from)]);
            // Somebody who may not read there gets an error, and can still send it.
            match self.ask_to(&Purpose::Mount(from.clone()), repository, &request) {
                Ok(response) if response.status == 201 => return Ok(Arrival::Mounted(from)),
                Ok(response) if response.status == 202 => session = Some(response),
                Err(error) if error.is_stopped() => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        self.upload(repository, part, session, store)?;
        Ok(Arrival::Sent)
    }
}

/// The last part of a manifest's address.
fn which(target: &Reference) -> String {
    match (target.tag(), target.digest()) {
        (_, Some(digest)) => digest.to_string(),
        (tag, None) => tag.unwrap_or("latest").to_owned(),
    }
}

/// An answer to somebody who wanted to put something there.
pub(super) fn not_taken(what: String, target: &Reference, response: crate::http::Response) -> RegistryError {
    match response.status {
        401 | 403 => RegistryError::Denied {
            name: target.to_string(),
            why: answer(response),
        },
        _ => RegistryError::NotTaken {
            what,
            why: answer(response),
        },
    }
}
