//! Takes an image of the store to a registry.

use super::handout::source;
use super::prepare::stopping;
use super::testimony::subjects;
use super::{BuildError, Progress};
use crate::attest::{self, StatementForm};
use crate::digest::BlobDigest;
use crate::execute::BaseImage;
use crate::export::{self, ExportError, Stored};
use crate::http::{self, Client};
use crate::oci::{Descriptor, ImageConfig, Reference};
use crate::registry::{self, Parcel, Part, PartBytes, Pushed, Registries};
use crate::schedule::Cancel;
use crate::store::Store;
use std::sync::Arc;

/// One push.
#[derive(Debug)]
pub struct PushRequest {
    /// The image: its name or its ID.
    pub image: String,
    /// Where to; the image's own name when absent.
    pub destination: Option<Reference>,
    /// How servers are reached.
    pub http: http::Settings,
    /// How registries are reached.
    pub registries: registry::Settings,
}

/// Largest document of an image, in bytes.
const LARGEST_DOCUMENT: u64 = 8 << 20;

/// Pushes an image of the store; gives its digest in the registry.
///
/// # Errors
/// [`BuildError`]; what arrived stays there, and a name has the whole image or what it had before.
pub fn push(
    store: &Store,
    request: &PushRequest,
    cancel: &Cancel,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<BlobDigest, BuildError> {
    let client = Client::new(request.http.clone());
    let _stops = stopping(&client, cancel);
    let registries = Registries::new(client, request.registries.clone());
    let tell = |pushed| progress(Progress::Pushed(pushed));
    let told = |error: ExportError| match cancel.is_cancelled() {
        true => BuildError::Cancelled,
        false => error.into(),
    };
    // A name may lead to more than an image: then that goes, as it was built.
    let name = request.image.parse::<Reference>().ok().map(Reference::or_latest);
    if let Some(name) = name
        && let Some(top) = store.top_of(&name.to_string())?
    {
        let to = request.destination.clone().unwrap_or(name);
        return export::push_top(store, &top.digest, &[to], &registries, false, &tell).map_err(told);
    }
    let found = match BaseImage::named(store, &request.image)? {
        Some(image) => Some(image),
        None => BaseImage::with_id(store, &request.image)?,
    };
    let found = found.ok_or_else(|| BuildError::NoImage(request.image.clone()))?;
    let name = match &request.destination {
        Some(name) => name.clone(),
        None => request.image.parse().map_err(|_| ExportError::NoName)?,
    };
    let image = Arc::new(found.from_registry(&registries, store)?);
    let id = image.id().ok_or_else(|| BuildError::NoImage(request.image.clone()))?;
    let layers = (0..image.layers().len())
        .map(|index| source(&image.layer(index), store, true))
        .collect::<Result<Vec<_>, BuildError>>()?;
    let manifest = store.image(&id)?.and_then(|record| record.manifest);
    let manifest = match manifest {
        Some(digest) if store.has_blob(&digest)? => Some(store.read_blob(&digest, LARGEST_DOCUMENT)?),
        _ => None,
    };
    let stored = Stored {
        config: store.read_blob(&id, LARGEST_DOCUMENT)?,
        manifest,
        layers,
    };
    let cancelled = || cancel.is_cancelled();
    let pushed = export::push_stored(
        store,
        &stored,
        std::slice::from_ref(&name),
        &registries,
        &tell,
        &cancelled,
    );
    let digest = pushed.map_err(told)?;
    refer(&registries, store, &name, &id, &digest, &tell)?;
    Ok(digest)
}

/// Has what was said of an image, when it was built, refer to it where it was pushed.
fn refer(
    registries: &Registries,
    store: &Store,
    name: &Reference,
    id: &BlobDigest,
    manifest: &BlobDigest,
    tell: &(dyn Fn(Pushed) + Sync),
) -> Result<(), BuildError> {
    let said = attest::kept(store, id)?;
    if said.is_empty() {
        return Ok(());
    }
    let platform = ImageConfig::from_bytes(&store.read_blob(id, LARGEST_DOCUMENT)?)?.platform();
    let repository = name.clone().without_tag();
    let there = registries
        .look(&repository.clone().with_digest(*manifest))
        .map_err(ExportError::from)?;
    let subjects = subjects(&[name.clone().or_latest()], &platform, manifest);
    for predicate in &said {
        let statement = predicate.statement(StatementForm::V1, &subjects);
        let artifact = attest::referrer(&there.descriptor, predicate, statement);
        let part = |(descriptor, bytes): (Descriptor, Vec<u8>)| Part {
            descriptor,
            bytes: PartBytes::Here(Arc::from(bytes)),
        };
        let parcel = Parcel {
            media_type: artifact.manifest.media_type.clone(),
            manifest: artifact.manifest.to_bytes(),
            parts: artifact.blobs.into_iter().map(part).collect(),
            below: Vec::new(),
        };
        registries
            .refer(&repository, &parcel, store, tell)
            .map_err(ExportError::from)?;
    }
    Ok(())
}
