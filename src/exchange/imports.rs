//! What others have done: looked up in their places in turn, and brought here when somebody wants files.

use super::document::descriptor;
use super::error::{ExchangeError, Lost};
use super::{Bundle, Exchange, LocalExchange, Place, Record, RegistryExchange, bring_mount, unpack};
use crate::digest::{ContentId, FileDigest, StepKey};
use crate::layer::Host;
use crate::oci::Platform;
use crate::registry::{PartBytes, Pulled, Registries};
use crate::store::{Elsewhere, FarLayer, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The places that a build asks, and the layers that it may need of them.
///
/// Nothing that goes wrong here stops a build: it is told once for each place, and then the steps run.
pub struct Imports<'a> {
    store: &'a Store,
    host: Host,
    registries: Registries,
    platforms: Vec<Platform>,
    sources: Vec<Source>,
    tell: &'a (dyn Fn(String) + Sync),
    /// Deltas that were told of and could not be had.
    lost: Mutex<BTreeSet<ContentId>>,
    /// Places that layers were had from, by what the store calls them.
    opened: Mutex<BTreeMap<String, Arc<dyn Exchange>>>,
    told: Mutex<BTreeSet<String>>,
    /// Whether a selection was told wrongly.
    doubted: AtomicBool,
}

struct Source {
    exchange: Arc<dyn Exchange>,
    /// The ids of cache mounts that are wanted from it.
    mounts: Vec<String>,
    bundle: OnceLock<Option<Bundle>>,
    /// Questions that failed.
    failures: AtomicUsize,
    off: AtomicBool,
}

/// After so many failures a place is not asked again.
const PATIENCE: usize = 2;
/// Layers that are fetched at the same time.
const AT_ONCE: usize = 4;

impl<'a> Imports<'a> {
    /// Places in the order in which they are asked, each with the ids of cache mounts that are wanted from it; `tell` hears what goes wrong, from any thread. `registries` are how
    /// registries are reached for layers that the store knows of, and `platforms` which images of several count.
    pub fn new(
        exchanges: Vec<(Arc<dyn Exchange>, Vec<String>)>,
        store: &'a Store,
        host: &Host,
        registries: Registries,
        platforms: &[Platform],
        tell: &'a (dyn Fn(String) + Sync),
    ) -> Self {
        let source = |(exchange, mounts)| Source {
            exchange,
            mounts,
            bundle: OnceLock::new(),
            failures: AtomicUsize::new(0),
            off: AtomicBool::new(false),
        };
        let opened = exchanges.iter().map(|(it, _)| (it.place().note(), Arc::clone(it)));
        Self {
            store,
            host: *host,
            registries,
            platforms: platforms.to_vec(),
            opened: Mutex::new(opened.collect()),
            sources: exchanges.into_iter().map(source).collect(),
            tell,
            lost: Mutex::default(),
            told: Mutex::default(),
            doubted: AtomicBool::new(false),
        }
    }

    /// Whether anybody is asked.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// What somebody else's step with this key left, and who told.
    pub fn find(&self, key: &StepKey) -> Option<(Record, &Place)> {
        let mut nameless = None;
        for source in &self.sources {
            let found = match self.bundle(source).and_then(|bundle| bundle.steps.get(key)) {
                Some(record) => Some(record.clone()),
                None => self.ask(source, |exchange| exchange.record(key)),
            };
            match found {
                Some(record) if self.is_lost(&record.content) => {}
                Some(record) if record.layer.is_some() => return Some((record, source.exchange.place())),
                Some(record) => nameless = nameless.or(Some((record, source.exchange.place()))),
                None => {}
            }
        }
        nameless
    }

    /// What was selected from the tree of a step, by the key of the store's memo.
    pub fn selection(&self, memo: &FileDigest) -> Option<FileDigest> {
        let bundles = self.sources.iter().filter_map(|source| self.bundle(source));
        bundles.filter_map(|bundle| bundle.selections.get(memo)).next().copied()
    }

    /// Fills an empty folder with what others have of a cache mount; `false` when nobody has it, and then the folder is
    /// empty.
    pub fn mount(&self, id: &str, identity: &FileDigest, folder: &Path) -> bool {
        for source in self
            .sources
            .iter()
            .filter(|source| source.mounts.iter().any(|it| it == id))
        {
            let brought = self.ask(source, |exchange| {
                bring_mount(exchange, identity, folder, self.store, &self.host).map(Some)
            });
            match brought {
                Some(true) => return true,
                Some(false) => {}
                None => empty(folder),
            }
        }
        false
    }

    /// The bundle that a place had when it was asked first.
    pub fn bundle_of(&self, place: &Place) -> Option<&Bundle> {
        let source = self.sources.iter().find(|source| source.exchange.place() == place)?;
        self.bundle(source)
    }

    /// Notes where a delta is, and that it can be mounted from there.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn note(&self, record: &Record, place: &Place) -> Result<(), ExchangeError> {
        let elsewhere = Elsewhere {
            place: place.note(),
            layer: record.layer.clone(),
        };
        // Who knows the layer is worth more than who knows its name.
        let known = self.store.elsewhere(&record.content)?;
        if known.as_ref() == Some(&elsewhere) || (record.layer.is_none() && known.is_some()) {
            return Ok(());
        }
        self.store.put_elsewhere(&record.content, &elsewhere)?;
        if let (Place::Registry(name), Some(layer)) = (place, &record.layer) {
            self.registries.note(name, &descriptor(layer), self.store)?;
        }
        Ok(())
    }

    /// Whether a delta could not be had.
    pub fn is_lost(&self, content: &ContentId) -> bool {
        self.lost().contains(content)
    }

    /// Whether any delta could not be had, or something else was not as told.
    pub fn has_lost(&self) -> bool {
        self.doubted.load(Ordering::Relaxed) || !self.lost().is_empty()
    }

    /// Says that what was selected from a step is not what was told.
    pub fn doubt(&self) -> Lost {
        if !self.doubted.swap(true, Ordering::Relaxed) {
            let text = "warning: a cache told wrongly what a `COPY --from` copies; the step is looked at again";
            (self.tell)(text.to_owned());
        }
        Lost
    }

    /// Fetches and unpacks deltas that the store does not have.
    ///
    /// # Errors
    /// [`Lost`] when one can't be had; it was told why.
    pub fn bring(&self, contents: &[ContentId]) -> Result<(), Lost> {
        self.each(contents, |content| {
            if self.store.has_delta(content)? {
                return Ok(());
            }
            let layer = self.fetched(content)?;
            let unpacked = unpack::to_delta(content, &layer, self.store, &self.host);
            unpacked.inspect_err(|_| self.discard(&layer))
        })
    }

    /// Fetches layers of deltas that the store does not have, as blobs.
    ///
    /// # Errors
    /// [`Lost`] when one can't be had; it was told why.
    pub fn bring_blobs(&self, contents: &[ContentId]) -> Result<(), Lost> {
        self.each(contents, |content| {
            if self.store.has_delta(content)? {
                return Ok(());
            }
            let layer = self.fetched(content)?;
            unpack::check(&layer, self.store).inspect_err(|_| self.discard(&layer))
        })
    }

    /// The layer of a delta, if it is in a registry and not here.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn far(&self, content: &ContentId) -> Result<Option<(FarLayer, Pulled)>, ExchangeError> {
        let Some(Elsewhere {
            place,
            layer: Some(layer),
        }) = self.store.elsewhere(content)?
        else {
            return Ok(None);
        };
        match Place::remembered(&place) {
            Some(Place::Registry(name)) => {
                let pulled = self.registries.layers(&name, vec![descriptor(&layer)]);
                Ok(Some((layer, pulled)))
            }
            _ => Ok(None),
        }
    }

    /// Does something for each delta, a few at once. What fails is told, and forgotten.
    fn each(
        &self,
        contents: &[ContentId],
        work: impl Fn(&ContentId) -> Result<(), ExchangeError> + Sync,
    ) -> Result<(), Lost> {
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let one = || {
            while let Some(content) = contents.get(next.fetch_add(1, Ordering::SeqCst)) {
                if let Err(error) = work(content) {
                    failed.store(true, Ordering::SeqCst);
                    self.lose(content, &error);
                }
            }
        };
        match contents.len() {
            0 | 1 => one(),
            many => std::thread::scope(|scope| {
                for _ in 0..AT_ONCE.min(many) {
                    scope.spawn(one);
                }
            }),
        }
        match failed.into_inner() {
            true => Err(Lost),
            false => Ok(()),
        }
    }

    /// Ensures that the store has the blob of a delta's layer.
    fn fetched(&self, content: &ContentId) -> Result<FarLayer, ExchangeError> {
        let missing = || ExchangeError::NoLayer(*content);
        let Elsewhere { place, layer } = self.store.elsewhere(content)?.ok_or_else(missing)?;
        let layer = layer.ok_or_else(missing)?;
        if self.store.blob_size(&layer.digest)? != Some(layer.size) {
            self.open(&place)
                .ok_or_else(missing)?
                .fetch(&descriptor(&layer), self.store)?;
        }
        Ok(layer)
    }

    /// A place that the store remembers.
    fn open(&self, note: &str) -> Option<Arc<dyn Exchange>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.get(note) {
            return Some(Arc::clone(known));
        }
        let exchange: Arc<dyn Exchange> = match Place::remembered(note)? {
            Place::Registry(name) => Arc::new(RegistryExchange::new(&self.registries, &name, &self.platforms)),
            Place::Directory { path, tag } => Arc::new(LocalExchange::new(path, &tag)),
        };
        opened.insert(note.to_owned(), Arc::clone(&exchange));
        Some(exchange)
    }

    fn discard(&self, layer: &FarLayer) {
        // It stays a blob that nobody refers to, at worst.
        let _ = self.store.discard_blob(&layer.digest);
    }

    fn lose(&self, content: &ContentId, error: &ExchangeError) {
        let place = self.store.elsewhere(content).ok().flatten();
        let place = place.and_then(|it| Place::remembered(&it.place));
        // That a name is known and no more is how some caches are.
        if !error.is_stopped() && !matches!(error, ExchangeError::NoLayer(_)) {
            let place = place.map_or_else(String::new, |it| it.to_string());
            self.warn(&place, error, "steps run that it was to save");
        }
        let _ = self.store.forget_elsewhere(content);
        self.lost().insert(*content);
    }

    fn bundle<'s>(&self, source: &'s Source) -> Option<&'s Bundle> {
        let read = || self.ask(source, |exchange| exchange.bundle(self.store));
        source.bundle.get_or_init(read).as_ref()
    }

    /// Asks a place something, unless it has failed too often.
    fn ask<T>(
        &self,
        source: &Source,
        question: impl Fn(&dyn Exchange) -> Result<Option<T>, ExchangeError>,
    ) -> Option<T> {
        if source.off.load(Ordering::Relaxed) {
            return None;
        }
        match question(&*source.exchange) {
            Ok(answer) => answer,
            Err(error) => {
                let failures = source.failures.fetch_add(1, Ordering::Relaxed) + 1;
                // Who can't be reached now will not be reached for the next step.
                if failures >= PATIENCE || source.bundle.get().is_none() {
                    source.off.store(true, Ordering::Relaxed);
                }
                if !error.is_stopped() {
                    let place = source.exchange.place().to_string();
                    self.warn(&place, &error, "the build goes on without it");
                }
                None
            }
        }
    }

    /// Says what is wrong with a place, once.
    fn warn(&self, place: &str, error: &ExchangeError, therefore: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(place.to_owned()) {
            let why = causes(error);
            (self.tell)(format!("warning: the cache `{place}` is of no use: {why}; {therefore}"));
        }
    }

    fn lost(&self) -> MutexGuard<'_, BTreeSet<ContentId>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what is in a folder, as far as that is possible.
fn empty(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let _ = match entry.file_type().is_ok_and(|it| it.is_dir()) {
            true => std::fs::remove_dir_all(path),
            false => std::fs::remove_file(path),
        };
    }
}

/// The layer of a delta that the store does not have, and where its bytes are; `None` when nobody has it.
///
/// # Errors
/// [`ExchangeError`].
pub fn layer_elsewhere(
    content: &ContentId,
    registries: &Registries,
    store: &Store,
) -> Result<Option<(FarLayer, PartBytes)>, ExchangeError> {
    let Some(Elsewhere {
        place,
        layer: Some(layer),
    }) = store.elsewhere(content)?
    else {
        return Ok(None);
    };
    let bytes = match Place::remembered(&place) {
        _ if store.blob_size(&layer.digest)? == Some(layer.size) => PartBytes::Stored,
        Some(Place::Registry(name)) => {
            let pulled = registries.layers(&name, vec![descriptor(&layer)]);
            PartBytes::Far(Box::new(pulled), 0)
        }
        Some(Place::Directory { path, tag }) => {
            LocalExchange::new(path, &tag).fetch(&descriptor(&layer), store)?;
            PartBytes::Stored
        }
        None => return Ok(None),
    };
    Ok(Some((layer, bytes)))
}

/// An error with all its reasons, in one line.
fn causes(error: &ExchangeError) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let mut texts: Vec<String> = chain.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

impl fmt::Debug for Imports<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.sources.iter().map(|source| source.exchange.place());
        f.debug_list().entries(places).finish()
    }
}
