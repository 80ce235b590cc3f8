//! Finds base images: in layouts that were given as contexts, in the store, and in registries.

use super::{BuildError, NamedContext, Pull};
use crate::diagnostic::causes;
use crate::execute::BaseImage;
use crate::oci::{Layout, OciError, Platform, Reference, Selector};
use crate::pins::Ledger;
use crate::plan::{self, ImageKey, ImageNeed};
use crate::registry::{Registries, RegistryError};
use crate::store::{Records, Store, StoreError};

/// An image that can't be had.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// The store or the layout can't be read.
    Error(BuildError),
    /// There is no such image: what to say at the place that names it, and what may help.
    Refused(String, Option<String>),
}

impl From<BuildError> for Unresolved {
    fn from(error: BuildError) -> Self {
        Self::Error(error)
    }
}

impl From<OciError> for Unresolved {
    fn from(error: OciError) -> Self {
        Self::Error(error.into())
    }
}

/// A named context as the plan sees it.
pub(super) fn planned(context: &NamedContext) -> plan::NamedContext {
    match context {
        NamedContext::Directory(_) | NamedContext::Git(_) | NamedContext::Url(_) => plan::NamedContext::Directory,
        NamedContext::Image(name) if name == "scratch" => plan::NamedContext::Nothing,
        NamedContext::Layout { .. } | NamedContext::Image(_) => plan::NamedContext::Image {
            reference: reference(context),
        },
    }
}

/// The contexts of a build for one platform: of those that are called `NAME::PLATFORM`, the ones for it take the place
/// of `NAME`, and the others are dropped.
pub(super) fn for_platform(contexts: Vec<(String, NamedContext)>, platform: &Platform) -> Vec<(String, NamedContext)> {
    let mut kept = Vec::with_capacity(contexts.len());
    let mut special = Vec::new();
    for (name, context) in contexts {
        match name.split_once("::") {
            None => kept.push((name, context)),
            Some((name, text)) if Platform::parse(text, platform).is_ok_and(|it| it == *platform) => {
                special.push((name.to_owned(), context));
            }
            Some(_) => {}
        }
    }
    kept.retain(|(name, _)| !special.iter().any(|(it, _)| it == name));
    kept.append(&mut special);
    kept
}

fn reference(context: &NamedContext) -> String {
    match context {
        NamedContext::Directory(path) => path.display().to_string(),
        NamedContext::Git(source) => source.to_string(),
        NamedContext::Image(name) | NamedContext::Url(name) => name.clone(),
        NamedContext::Layout { path, selector } => match selector {
            None => format!("oci-layout://{}", path.display()),
            Some(digest) if digest.contains(':') => format!("oci-layout://{}@{digest}", path.display()),
            Some(tag) => format!("oci-layout://{}:{tag}", path.display()),
        },
    }
}

/// Finds images for one build.
pub(super) struct Resolver<'a> {
    pub(super) store: &'a Store,
    pub(super) contexts: &'a [(String, NamedContext)],
    pub(super) registries: &'a Registries,
    pub(super) pull: Pull,
    pub(super) ledger: &'a Ledger,
}

impl Resolver<'_> {
    /// Finds images: in layouts that were given, in the store, and the others in their registries, several at a time.
    pub(super) fn resolve(&self, needs: Vec<ImageNeed>) -> Vec<(ImageNeed, Result<BaseImage, Unresolved>)> {
        let mut found = Vec::with_capacity(needs.len());
        let mut far = Vec::new();
        for need in needs {
            match self.near(&need.key) {
                Ok(Some(image)) => found.push((need, Ok(image))),
                Ok(None) => far.push(need),
                Err(error) => found.push((need, Err(error))),
            }
        }
        while !far.is_empty() {
            let rest = far.split_off(far.len().min(AT_ONCE));
            if let [need] = &far[..] {
                let image = self.far(&need.key);
                found.extend(far.pop().map(|need| (need, image)));
            }
            let images: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = far.iter().map(|need| scope.spawn(|| self.far(&need.key))).collect();
                let results = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
                results
                    .map(|result| result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                    .collect()
            });
            found.extend(far.into_iter().zip(images));
            far = rest;
        }
        // Problems are told in the order of the file.
        found.sort_by_key(|(need, _)| need.span.map(|span| span.start));
        found
    }

    /// An image that needs no request; `None` when its registry has to be asked.
    fn near(&self, key: &ImageKey) -> Result<Option<BaseImage>, Unresolved> {
        for (name, context) in self.contexts {
            if let NamedContext::Layout { path, selector } = context
                && reference(context) == key.reference
            {
                let selector = selector.as_deref().map(selected).transpose()?;
                let source = Layout::open(path)?.image(selector.as_ref(), &key.platform)?;
                return Ok(Some(BaseImage::from_layout(name, source)));
            }
        }
        let name = name_of(key)?;
        if let Some(pin) = self.pin(key, &name)? {
            return self.pinned_here(key, &name, &pin);
        }
        if self.ledger.is_noting() && name.digest().is_none() {
            return Ok(None);
        }
        let here = self.stored(key, &name)?;
        match self.pull {
            // What a digest names is always the same.
            Pull::Always if name.digest().is_none() => Ok(None),
            Pull::Never if here.is_none() => {
                let message = format!(
                    "`{}` is not in the store, and `--pull=never` forbids to fetch it",
                    key.reference
                );
                Err(Unresolved::Refused(message, Some(advice(&key.reference))))
            }
            Pull::Always | Pull::Missing | Pull::Never => Ok(here),
        }
    }

    /// An image of the store that serves the platform and whose layers can be had.
    fn stored(&self, key: &ImageKey, name: &Reference) -> Result<Option<BaseImage>, Unresolved> {
        let named = BaseImage::named(self.store, &key.reference).map_err(BuildError::from)?;
        if let Some(image) = named
            && let Some(image) = self.fit(key, image)?
        {
            return Ok(Some(image));
        }
        if let Some(image) = self.listed(key, name)? {
            return Ok(Some(image));
        }
        // The name may have gone to the image for another platform.
        let meant = self.registries.meant(name, &key.platform, self.store);
        match meant.map_err(|error| self.refused(key, &error))? {
            Some(record) => {
                let image = BaseImage::of_record(self.store, &key.reference, record).map_err(BuildError::from)?;
                self.fit(key, image)
            }
            None => Ok(None),
        }
    }

    /// The best image of an index that a name of the store leads to.
    fn listed(&self, key: &ImageKey, name: &Reference) -> Result<Option<BaseImage>, Unresolved> {
        let name = name.clone().or_latest().to_string();
        let records = self.store.read(|records| {
            let images = records.top_of(&name)?.map(|top| top.images).unwrap_or_default();
            let found = images.iter().map(|id| records.image(id));
            found.collect::<Result<Vec<_>, StoreError>>()
        });
        let mut best: Option<(usize, BaseImage)> = None;
        for record in records.map_err(BuildError::from)?.into_iter().flatten() {
            let image = BaseImage::of_record(self.store, &key.reference, record).map_err(BuildError::from)?;
            if let Some(rank) = key.platform.rank(&image.config().platform())
                && best.as_ref().is_none_or(|(than, _)| rank < *than)
            {
                best = Some((rank, image));
            }
        }
        match best {
            Some((_, image)) => self.fit(key, image),
            None => Ok(None),
        }
    }

    pub(super) fn fit(&self, key: &ImageKey, image: BaseImage) -> Result<Option<BaseImage>, Unresolved> {
        let its = image.config().platform();
        let serves = its.architecture.is_empty() || key.platform.rank(&its).is_some();
        if !serves {
            return Ok(None);
        }
        let image = image
            .from_registry(self.registries, self.store)
            .map_err(BuildError::from)?;
        let whole = image.is_whole(self.store).map_err(BuildError::from)?;
        Ok(whole.then_some(image))
    }

    /// An image of a registry.
    fn far(&self, key: &ImageKey) -> Result<BaseImage, Unresolved> {
        let name = &name_of(key)?;
        if let Some(pin) = self.pin(key, name)? {
            return self.pinned_far(key, name, &pin);
        }
        let refused = |error: RegistryError| self.refused(key, &error);
        if self.pull == Pull::Always || self.ledger.is_noting() {
            let same = self.registries.still_means(name, &key.platform, self.store);
            if let Some(record) = same.map_err(refused)? {
                let image = BaseImage::of_record(self.store, &key.reference, record).map_err(BuildError::from)?;
                if let Some(image) = self.fit(key, image)? {
                    self.note(key, name)?;
                    // It may have lost its name to one that was built here.
                    self.store
                        .write(|records| self.name_again(records, name, &image))
                        .map_err(BuildError::from)?;
                    return Ok(image);
                }
            }
        }
        let pulled = self.registries.pull(name, &key.platform, self.store).map_err(refused)?;
        let record = self
            .registries
            .keep(name, &key.platform, &pulled, self.store)
            .map_err(refused)?;
        self.note(key, name)?;
        let image = BaseImage::of_record(self.store, &key.reference, record).map_err(BuildError::from)?;
        Ok(image
            .from_registry(self.registries, self.store)
            .map_err(BuildError::from)?)
    }

    fn name_again(&self, records: &Records<'_>, name: &Reference, image: &BaseImage) -> Result<(), StoreError> {
        match image.id() {
            Some(id) if Platform::host().rank(&image.config().platform()).is_some() => {
                records.put_name(&name.clone().or_latest().to_string(), &id)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn refused(&self, key: &ImageKey, error: &RegistryError) -> Unresolved {
        if error.is_stopped() {
            return Unresolved::Error(BuildError::Cancelled);
        }
        let help = matches!(error.root(), RegistryError::NotFound { .. } | RegistryError::Http(_))
            .then(|| advice(&key.reference));
        let help = match error.root() {
            RegistryError::Denied { .. } => Some(
                "a private image needs a login: `varve login`, `docker login`, `podman login`, or `REGISTRY_AUTH_FILE`"
                    .to_owned(),
            ),
            _ => help,
        };
        Unresolved::Refused(causes(error).join(": "), help)
    }
}

fn name_of(key: &ImageKey) -> Result<Reference, Unresolved> {
    let refuse = |error| Unresolved::Refused(format!("invalid reference `{}`: {error}", key.reference), None);
    key.reference.parse().map_err(refuse)
}

/// Images that are asked for at the same time.
const AT_ONCE: usize = 8;

fn advice(reference: &str) -> String {
    format!("build it with `-t {reference}`, or give it with `--build-context {reference}=oci-layout://PATH`")
}

fn selected(text: &str) -> Result<Selector, Unresolved> {
    match text.contains(':') {
        false => Ok(Selector::Tag(text.to_owned())),
        true => text
            .parse()
            .map(Selector::Digest)
            .map_err(|error| Unresolved::Refused(format!("{error}"), None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_may_be_for_one_platform() {
        let platform = Platform::new("linux", "arm64", "");
        let context = |name: &str, image: &str| (name.to_owned(), NamedContext::Image(image.to_owned()));
        let chosen = for_platform(
            vec![
                context("a::linux/arm64", "1"),
                context("a", "2"),
                context("b", "3"),
                context("b::linux/amd64", "4"),
                context("c::linux/s390x", "5"),
                context("d::nonsense", "6"),
            ],
            &platform,
        );
        assert_eq!(chosen, [context("b", "3"), context("a", "1")]);
    }
}
