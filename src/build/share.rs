//! Results for other machines: sent while the build goes on, listed when it ends.

use super::error::CacheError;
use super::request::{CacheTo, OutputKind, Request};
use super::{BuildError, Progress};
use crate::digest::{BlobDigest, ContentId, FileDigest, StepKey};
use crate::exchange::{
    Bundle, Exchange, ExchangeError, LocalExchange, Place, Record, RegistryExchange, layer_elsewhere, send_mount,
};
use crate::export::{Patience, pack_layer};
use crate::layer::{Compression, Host};
use crate::oci::Platform;
use crate::plan::{Graph, MountKind, Op};
use crate::registry::{PartBytes, Registries};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What a build that has succeeded did: its steps, the cache mounts that it used, and how files are written here.
pub(super) type Done<'a> = (&'a Bundle, &'a BTreeMap<FileDigest, String>, &'a Host);

/// Layers that are packed and sent at the same time, for each place.
const AT_ONCE: usize = 2;

/// Sends results of steps to all places that want them.
#[derive(Debug)]
pub(super) struct Sharing {
    targets: Vec<Target>,
}

#[derive(Debug)]
struct Target {
    wanted: CacheTo,
    place: Place,
    work: Arc<Work>,
    jobs: Sender<Job>,
    incoming: Arc<Mutex<Receiver<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A result that is to be sent.
#[derive(Debug, Clone)]
struct Job {
    key: StepKey,
    record: Record,
}

/// What the threads of one place share.
#[derive(Debug)]
struct Work {
    exchange: Arc<dyn Exchange>,
    store: Store,
    registries: Registries,
    compression: Compression,
    cancelled: Arc<AtomicBool>,
    state: Mutex<State>,
    /// What the place had before; asked for by whoever comes first.
    before: Mutex<Option<Bundle>>,
}

#[derive(Debug, Default)]
struct State {
    seen: BTreeSet<(StepKey, ContentId)>,
    /// What is there, or on its way in the bundle.
    sent: BTreeMap<StepKey, Record>,
    bytes: BTreeMap<BlobDigest, PartBytes>,
    failure: Option<CacheError>,
}

impl Sharing {
    pub(super) fn new(
        request: &Request,
        store: &Store,
        registries: &Registries,
        platforms: &[Platform],
        cancelled: &Arc<AtomicBool>,
    ) -> Self {
        let of_image = compression_of_image(request);
        let target = |wanted: &CacheTo| {
            let place = wanted.place.clone()?;
            let exchange: Arc<dyn Exchange> = match &place {
                Place::Registry(name) => Arc::new(RegistryExchange::new(registries, name, platforms)),
                Place::Directory { path, tag } => Arc::new(LocalExchange::new(path, tag)),
            };
            let (jobs, incoming) = channel();
            Some(Target {
                wanted: wanted.clone(),
                place,
                work: Arc::new(Work {
                    exchange,
                    store: store.clone(),
                    registries: registries.clone(),
                    compression: wanted.compression.unwrap_or(of_image),
                    cancelled: Arc::clone(cancelled),
                    state: Mutex::default(),
                    before: Mutex::default(),
                }),
                jobs,
                incoming: Arc::new(Mutex::new(incoming)),
                threads: Mutex::default(),
            })
        };
        Self {
            targets: request.cache_to.iter().filter_map(target).collect(),
        }
    }

    /// The compressions in which layers of the image are packed here anyway.
    pub(super) fn compressions(&self) -> Vec<Compression> {
        self.targets.iter().map(|target| target.work.compression).collect()
    }

    /// Sends what a step left sometime. Never waits.
    pub(super) fn add(&self, key: StepKey, record: &Record, of_image: bool) {
        for target in &self.targets {
            if !(of_image || target.wanted.max) || !target.work.state().seen.insert((key, record.content)) {
                continue;
            }
            target.start();
            let record = record.clone();
            let _ = target.jobs.send(Job { key, record });
        }
    }

    /// Waits until all is sent that was added; with a bundle, lists it for whoever comes next.
    ///
    /// # Errors
    /// [`BuildError::CacheExport`] when a place failed whose errors count.
    pub(super) fn finish(self, done: Option<Done<'_>>, progress: &dyn Fn(Progress)) -> Result<(), BuildError> {
        let mut first = None;
        for target in self.targets {
            let Target {
                wanted,
                place,
                work,
                jobs,
                incoming,
                threads,
            } = target;
            drop(jobs);
            if done.is_some() {
                progress(Progress::Caching(place.to_string()));
            }
            for thread in threads.into_inner().unwrap_or_else(PoisonError::into_inner) {
                let _ = thread.join();
            }
            // What was left when no thread could be had.
            work.run(&incoming, None);
            let Some((bundle, mounts, host)) = done else { continue };
            let mut result = work.list(bundle);
            let wants = |id: &String| wanted.mounts.contains(id);
            for (identity, _) in mounts.iter().filter(|(_, id)| wants(id)) {
                result = result.and_then(|()| work.mount(identity, host));
            }
            progress(Progress::Exported);
            if work.is_cancelled() {
                return Err(BuildError::Cancelled);
            }
            let Err(source) = result else { continue };
            let error = BuildError::CacheExport {
                place: place.to_string(),
                source: Box::new(source),
            };
            match wanted.ignore_error {
                true => {
                    let text = crate::diagnostic::causes(&error).join(": ");
                    progress(Progress::Warning(format!("warning: {text}")));
                }
                false => first = first.or(Some(error)),
            }
        }
        first.map_or(Ok(()), Err)
    }
}

impl Target {
    /// Ensures that there are threads. Where none can be had, all is done in the end.
    fn start(&self) {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        while threads.len() < AT_ONCE {
            let (work, incoming) = (Arc::clone(&self.work), Arc::clone(&self.incoming));
            let thread = std::thread::Builder::new().name("cache".to_owned());
            match thread.spawn(move || work.run(&incoming, Patience::learn().as_ref())) {
                Ok(thread) => threads.push(thread),
                Err(_) => break,
            }
        }
    }
}

impl Work {
    /// Sends what comes in, until nothing more can.
    fn run(&self, incoming: &Mutex<Receiver<Job>>, patience: Option<&Patience>) {
        loop {
            // Whoever waits holds the lock, and the others wait for it.
            let job = incoming.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { break };
            if self.is_cancelled() || self.state().failure.is_some() {
                continue;
            }
            if let Err(error) = self.send(&job, patience) {
                self.state().failure.get_or_insert(error);
            }
        }
    }

    fn send(&self, job: &Job, patience: Option<&Patience>) -> Result<(), CacheError> {
        if let Some(known) = self.known_before(&job.key)
            && known.content == job.record.content
            && known.layer.is_some()
        {
            self.state().sent.insert(job.key, known);
            return Ok(());
        }
        let content = &job.record.content;
        let here = self.store.has_delta(content).map_err(ExchangeError::from)?;
        let (layer, bytes) = match here {
            true => {
                let cancelled = || self.is_cancelled();
                let packed = pack_layer(&self.store, content, self.compression, patience, &cancelled)?;
                (packed, PartBytes::Stored)
            }
            false => match layer_elsewhere(content, &self.registries, &self.store) {
                Ok(Some(found)) => found,
                // Only its name is known, or whoever had it has it no more.
                Ok(None) | Err(_) => return Ok(()),
            },
        };
        let record = Record {
            layer: Some(layer.clone()),
            ..job.record.clone()
        };
        self.exchange.put_record(&job.key, &record, &bytes, &self.store)?;
        let mut state = self.state();
        state.bytes.insert(layer.digest, bytes);
        state.sent.insert(job.key, record);
        Ok(())
    }

    fn known_before(&self, key: &StepKey) -> Option<Record> {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        // One that can't be read is replaced.
        let bundle = before.get_or_insert_with(|| self.exchange.bundle(&self.store).ok().flatten().unwrap_or_default());
        bundle.steps.get(key).cloned()
    }

    /// Lists all results of a build.
    fn list(&self, bundle: &Bundle) -> Result<(), CacheError> {
        let mut state = self.state();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        let mut bundle = bundle.clone();
        for (key, record) in &mut bundle.steps {
            if let Some(sent) = state.sent.get(key).filter(|sent| sent.content == record.content) {
                *record = sent.clone();
            }
        }
        Ok(self.exchange.put_bundle(&bundle, &state.bytes, &self.store)?)
    }

    /// Sends what a cache mount holds by now.
    fn mount(&self, identity: &FileDigest, host: &Host) -> Result<(), CacheError> {
        let cancelled = || self.is_cancelled();
        let mount = self.store.used_cache_mount(identity.as_bytes(), &cancelled);
        let Some(mount) = mount.map_err(ExchangeError::from)? else {
            return Ok(());
        };
        let (place, folder) = (&*self.exchange, mount.path());
        send_mount(place, identity, folder, &self.store, host, &cancelled)?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// How layers of the image travel, if it goes anywhere.
fn compression_of_image(request: &Request) -> Compression {
    let image = request.outputs.iter().find(|output| {
        matches!(
            output.kind,
            OutputKind::Oci
                | OutputKind::OciDirectory
                | OutputKind::Docker
                | OutputKind::DockerDirectory
                | OutputKind::Registry
        )
    });
    image.map_or(Compression::GZIP, |output| output.compression)
}

/// Ids of cache mounts that are to be shared and that no step has.
pub(super) fn unknown_mounts(request: &Request, graph: &Graph) -> Vec<String> {
    let known: BTreeSet<&str> = graph
        .steps
        .node_weights()
        .filter_map(|step| match &step.op {
            Op::Run(run) => Some(run),
            _ => None,
        })
        .flat_map(|run| &run.mounts)
        .filter_map(|mount| match &mount.kind {
            MountKind::Cache { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    let from = request.cache_from.iter().flat_map(|from| &from.mounts);
    let asked = from.chain(request.cache_to.iter().flat_map(|to| &to.mounts));
    let unknown: BTreeSet<&String> = asked.filter(|id| !known.contains(id.as_str())).collect();
    unknown.into_iter().cloned().collect()
}

/// What all steps of a build left, by key, without layers.
pub(super) fn bundle(
    steps: impl Iterator<Item = (StepKey, Record)>,
    selections: BTreeMap<FileDigest, FileDigest>,
) -> Bundle {
    Bundle {
        steps: steps.collect(),
        selections,
    }
}
