//! What refers to an image in its repository: listed and added, by the registry's own list or by the tag that stands in
//! for one (OCI distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema").

use super::pull::{LARGEST_DOCUMENT, refused};
use super::{Parcel, Pushed, Registries, RegistryError};
use crate::digest::{BlobDigest, Sha256};
use crate::http::Method;
use crate::oci::media::{self, Kind};
use crate::oci::{Descriptor, Index, Manifest, OciError, Reference};
use crate::store::Store;

/// Most pages of a list that are read.
const MOST_PAGES: usize = 32;
/// Most entries of all pages together.
const MOST_ENTRIES: usize = 10_000;

/// A document of a repository.
#[derive(Debug, Clone)]
pub struct Found {
    /// Points at it.
    pub descriptor: Descriptor,
    /// The document.
    pub bytes: Vec<u8>,
}

impl Registries {
    /// Adds a manifest that refers to another one to the repository of that, unless it is there. A registry that keeps
    /// no list of what refers to what gets one under a tag.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn refer(
        &self,
        repository: &Reference,
        parcel: &Parcel,
        store: &Store,
        tell: &(dyn Fn(Pushed) + Sync),
    ) -> Result<BlobDigest, RegistryError> {
        let wrong = |source| RegistryError::Image {
            name: repository.to_string(),
            source,
        };
        let manifest = Manifest::from_bytes(&parcel.manifest).map_err(wrong)?;
        let digest = Sha256::of(&parcel.manifest);
        let repository = repository.clone().without_tag();
        let Some(subject) = &manifest.subject else {
            return Err(RegistryError::NotTaken {
                what: format!("`{digest}` as something that refers to an image"),
                why: "it names none".to_owned(),
            });
        };
        let target = repository.clone().with_digest(digest);
        let known = self.has_manifest(&target, &digest, &parcel.media_type)?
            && self
                .referrers(&repository, &subject.digest)?
                .iter()
                .any(|it| it.digest == digest);
        if !known {
            self.fill(parcel, &repository, store, tell)?;
            let listed = self.put_manifest(&target, &digest, parcel)?;
            if listed != Some(subject.digest) {
                let mut entry = Descriptor::of(&parcel.media_type, &parcel.manifest);
                entry.artifact_type.clone_from(&manifest.artifact_type);
                entry.annotations.clone_from(&manifest.annotations);
                self.list_by_tag(&repository, &subject.digest, entry, store)?;
            }
        }
        tell(Pushed::Done { name: target, known });
        Ok(digest)
    }

    /// What refers to a manifest, whatever it is.
    ///
    /// # Errors
    /// [`RegistryError`]; nothing is there when the registry knows neither the list nor the tag.
    pub fn referrers(&self, repository: &Reference, subject: &BlobDigest) -> Result<Vec<Descriptor>, RegistryError> {
        let repository = repository.clone().without_tag();
        let mut request = self
            .request(Method::Get, &repository, &format!("referrers/{subject}"))?
            .header("accept", media::OCI_INDEX);
        let mut all = Vec::new();
        for page in 0..MOST_PAGES {
            let response = self.ask(&repository, &request)?;
            if page == 0 && response.status != 200 {
                // Registries without the list answer with whatever they say of an unknown address.
                return match response.status {
                    401 | 403 | 429 | 500.. => Err(refused(&repository.to_string(), response)),
                    _ => Ok(self.listed_by_tag(&repository, subject)?.unwrap_or_default()),
                };
            }
            if response.status != 200 {
                return Err(refused(&repository.to_string(), response));
            }
            let next = response.header("link").and_then(next_page).map(str::to_owned);
            let bytes = response.read_small(LARGEST_DOCUMENT)?;
            all.extend(self.index(&repository, &bytes)?.manifests);
            match next {
                Some(next) if all.len() < MOST_ENTRIES => {
                    let to = request.url().join(&next);
                    let to = to.map_err(|error| RegistryError::Refused {
                        name: repository.to_string(),
                        why: format!("its list goes on at `{next}`: {error}"),
                    })?;
                    if !request.url().shares_credentials_with(&to) {
                        break;
                    }
                    request = crate::http::Request::new(Method::Get, to).header("accept", media::OCI_INDEX);
                }
                _ => break,
            }
        }
        Ok(all)
    }

    /// The document that a name leads to: an index or a manifest, as it is.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn look(&self, image: &Reference) -> Result<Found, RegistryError> {
        let document = match image.digest() {
            Some(digest) => self.document(image, &digest.to_string(), Some(digest))?,
            None => self.document(image, image.tag_or_latest().unwrap_or("latest"), None)?,
        };
        let media_type = match document.kind {
            Kind::Index => media::OCI_INDEX,
            _ => media::OCI_MANIFEST,
        };
        let told = serde_json::from_slice::<MediaType>(&document.bytes).ok();
        let media_type = told.map_or(media_type.to_owned(), |it| match it.media_type.is_empty() {
            true => media_type.to_owned(),
            false => it.media_type,
        });
        Ok(Found {
            descriptor: Descriptor::of(&media_type, &document.bytes),
            bytes: document.bytes,
        })
    }

    /// A small blob of a repository.
    ///
    /// # Errors
    /// [`RegistryError`], also when it is larger than `limit` or not what its digest says.
    pub fn small_blob(&self, repository: &Reference, blob: &Descriptor, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let name = format!("{}@{}", repository.repository(), blob.digest);
        let request = self.request(Method::Get, repository, &format!("blobs/{}", blob.digest))?;
        let response = self.ask(repository, &request)?;
        if response.status != 200 {
            return Err(refused(&name, response));
        }
        let bytes = response.read_small(limit)?;
        let found = Sha256::of(&bytes);
        if found != blob.digest {
            let why = format!("it has the digest `{found}`");
            return Err(RegistryError::Damaged { name, why });
        }
        Ok(bytes)
    }

    /// The list under the tag that stands in for the registry's own; `None` when there is none.
    fn listed_by_tag(
        &self,
        repository: &Reference,
        subject: &BlobDigest,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        match self.document_at(repository, &list_tag(subject), None) {
            Ok(document) => Ok(Some(self.index(repository, &document.bytes)?.manifests)),
            Err(RegistryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list_by_tag(
        &self,
        repository: &Reference,
        subject: &BlobDigest,
        entry: Descriptor,
        store: &Store,
    ) -> Result<(), RegistryError> {
        let mut entries = self.listed_by_tag(repository, subject)?.unwrap_or_default();
        if entries.iter().any(|it| it.digest == entry.digest) {
            return Ok(());
        }
        entries.push(entry);
        let list = Parcel {
            media_type: media::OCI_INDEX.to_owned(),
            manifest: Index::new(entries).to_bytes(),
            parts: Vec::new(),
            below: Vec::new(),
        };
        let tag = list_tag(subject);
        let name = format!("{}/{}:{tag}", repository.registry(), repository.repository());
        let target = name.parse::<Reference>().map_err(|_| RegistryError::NotTaken {
            what: format!("a list under the tag `{tag}`"),
            why: "the tag is none".to_owned(),
        })?;
        self.push(&list, &[target], false, store, &|_| {})?;
        Ok(())
    }

    fn index(&self, repository: &Reference, bytes: &[u8]) -> Result<Index, RegistryError> {
        Index::from_bytes(bytes).map_err(|source: OciError| RegistryError::Image {
            name: repository.to_string(),
            source,
        })
    }
}

#[derive(serde::Deserialize)]
struct MediaType {
    #[serde(rename = "mediaType", default)]
    media_type: String,
}

/// The tag for the list of what refers to a manifest.
fn list_tag(subject: &BlobDigest) -> String {
    format!("sha256-{}", subject.hex())
}

/// The address in a header such as `</v2/app/referrers/sha256:…?last=x>; rel="next"`.
fn next_page(header: &str) -> Option<&str> {
    let (address, rest) = header.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then_some(address)
}
