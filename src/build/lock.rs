//! Builds that are bound to digests, and which digests these are.

use super::prepare::{Checks, Given, Planned};
use super::resolver::{Resolver, Unresolved};
use super::{BuildError, Progress, Request};
use crate::diagnostic::{Diagnostic, Source};
use crate::execute::{BaseImage, ExecuteError, Remotes};
use crate::layer::Host;
use crate::oci::Reference;
use crate::pins::{Ledger, PinnedImage, Pins};
use crate::plan::{self, Graph, ImageKey, Op};
use crate::registry::RegistryError;
use crate::schedule::Cancel;
use crate::store::Store;
use std::sync::Arc;

/// What helps whoever needs something that is not locked.
pub(super) const ADVICE: &str = "look at what changed, and update the lock file with `varve lock`";

/// Tells what a build would get from elsewhere, without doing it. What `known` pins stays as it is, everything else is
/// asked for; pages are fetched, because only their content tells their digest.
///
/// # Errors
/// As [`build`](super::build), as far as the Dockerfile and what it gets from elsewhere are concerned.
pub fn lock(
    store: &Store,
    host: &Host,
    mut request: Request,
    known: Pins,
    cancel: &Cancel,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Pins, BuildError> {
    let ledger = Arc::new(Ledger::noting(known));
    request.ledger = Arc::clone(&ledger);
    let given = Given::take(&mut request);
    let planned = Planned::new(store, host, &mut request, &given, Checks::Left, cancel, progress)?;
    let remotes = &planned.remotes;
    for (step, source, checksum) in remote_sources(&planned.graph) {
        let found = match source {
            plan::Source::Url(url) => remotes.page(url, checksum).map(drop),
            plan::Source::Git { source, .. } => remotes.look_up(source).map(drop),
            plan::Source::Path(_) | plan::Source::Inline { .. } => Ok(()),
        };
        found.map_err(|error| match error {
            ExecuteError::Cancelled(_) => BuildError::Cancelled,
            error => BuildError::step(&planned.graph, step, error, planned.source.clone()),
        })?;
    }
    Ok(ledger.noted())
}

/// Whether all that steps fetch may be used, before the first of them begins.
pub(super) fn check(graph: &Graph, remotes: &Remotes<'_>, source: &Source) -> Result<(), BuildError> {
    let mut diagnostics = Vec::new();
    for (step, remote, checksum) in remote_sources(graph) {
        let allowed = match remote {
            plan::Source::Url(url) => remotes.may_use_page(url, checksum),
            plan::Source::Git { source, .. } => remotes.may_use_commit(source),
            plan::Source::Path(_) | plan::Source::Inline { .. } => Ok(()),
        };
        // Whatever else is wrong shows when it is fetched.
        if let Err(error @ ExecuteError::Unpinned(_)) = allowed {
            let mut diagnostic = Diagnostic::error("lock", graph.steps[step].span, error.to_string());
            diagnostic.help.push(ADVICE.to_owned());
            diagnostics.push(diagnostic);
        }
    }
    match diagnostics.is_empty() {
        true => Ok(()),
        false => Err(BuildError::Dockerfile {
            text: Box::new(source.clone()),
            diagnostics,
        }),
    }
}

/// What steps take files from, with the checksum that the instruction promises.
fn remote_sources(graph: &Graph) -> impl Iterator<Item = (plan::StepId, &plan::Source, Option<&str>)> {
    graph.steps.node_indices().flat_map(|id| {
        let copy = match &graph.steps[id].op {
            Op::Copy(copy) => Some(copy),
            _ => None,
        };
        copy.into_iter().flat_map(move |copy| {
            copy.sources
                .iter()
                .map(move |source| (id, source, copy.checksum.as_deref()))
        })
    })
}

impl Resolver<'_> {
    /// What a name is bound to. One with a digest is bound by itself.
    pub(super) fn pin(&self, key: &ImageKey, name: &Reference) -> Result<Option<PinnedImage>, Unresolved> {
        if name.digest().is_some() {
            return Ok(None);
        }
        self.ledger
            .image(&name.clone().or_latest().to_string())
            .map_err(|_| refused(format!("`{}` is not locked", key.reference)))
    }

    /// A pinned image, if the store has it.
    pub(super) fn pinned_here(
        &self,
        key: &ImageKey,
        name: &Reference,
        pin: &PinnedImage,
    ) -> Result<Option<BaseImage>, Unresolved> {
        for name in [name.clone(), bound(name, pin)] {
            let meant = self.registries.meant_as(&name, &key.platform, &pin.digest, self.store);
            let Some((record, manifest)) = meant.map_err(|error| self.refused(key, &error))? else {
                continue;
            };
            let image = BaseImage::of_record(self.store, &key.reference, record).map_err(BuildError::from)?;
            if let Some(image) = self.fit(key, image)? {
                self.is_pinned(key, name, pin, &manifest)?;
                return Ok(Some(image));
            }
        }
        if self.pull == super::Pull::Never {
            let message = format!(
                "`{}` is locked at `{}`, which is not in the store, and `--pull=never` forbids to fetch it",
                key.reference, pin.digest
            );
            return Err(Unresolved::Refused(message, None));
        }
        Ok(None)
    }

    /// A pinned image of its registry.
    pub(super) fn pinned_far(
        &self,
        key: &ImageKey,
        name: &Reference,
        pin: &PinnedImage,
    ) -> Result<BaseImage, Unresolved> {
        let told = |error: RegistryError| self.refused(key, &error);
        let bound = bound(name, pin);
        let pulled = self.registries.pull(&bound, &key.platform, self.store).map_err(told)?;
        let manifest = pulled.source().digest().copied().unwrap_or(pin.digest);
        self.is_pinned(key, name.clone(), pin, &manifest)?;
        let record = self
            .registries
            .keep(&bound, &key.platform, &pulled, self.store)
            .map_err(told)?;
        let image = BaseImage::of_record(self.store, &key.reference, record).map_err(BuildError::from)?;
        Ok(image
            .from_registry(self.registries, self.store)
            .map_err(BuildError::from)?)
    }

    /// Compares the image for a platform with what is pinned for it, and notes it.
    fn is_pinned(
        &self,
        key: &ImageKey,
        name: Reference,
        pin: &PinnedImage,
        manifest: &crate::digest::BlobDigest,
    ) -> Result<(), Unresolved> {
        let platform = key.platform.to_string();
        match pin.platforms.get(&platform) {
            Some(pinned) if pinned != manifest => {
                return Err(refused(format!(
                    "`{}` is locked at `{pinned}` for {platform}, and its index leads to `{manifest}`",
                    key.reference
                )));
            }
            None if self.ledger.is_bound() => {
                return Err(refused(format!("`{}` is not locked for {platform}", key.reference)));
            }
            _ => {}
        }
        let name = Reference::parse(&key.reference).unwrap_or(name).or_latest();
        self.ledger
            .note_image(&name.to_string(), pin.digest, &platform, *manifest);
        Ok(())
    }

    /// Notes what a name has just led to.
    pub(super) fn note(&self, key: &ImageKey, name: &Reference) -> Result<(), Unresolved> {
        if self.ledger.is_noting() && name.digest().is_none() {
            let meant = self.registries.meaning(name, &key.platform, self.store);
            if let Some((top, manifest)) = meant.map_err(|error| self.refused(key, &error))? {
                let name = name.clone().or_latest().to_string();
                self.ledger.note_image(&name, top, &key.platform.to_string(), manifest);
            }
        }
        Ok(())
    }
}

/// A name with the digest that it is bound to.
fn bound(name: &Reference, pin: &PinnedImage) -> Reference {
    name.clone().without_tag().with_digest(pin.digest)
}

fn refused(message: String) -> Unresolved {
    Unresolved::Refused(message, Some(ADVICE.to_owned()))
}
