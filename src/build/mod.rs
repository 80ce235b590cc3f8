//! Takes one build request through the rooms, from text to image.
//!
//! Enter by [`build`]: a store and a [`Request`] in, an [`Outcome`] out, [`Progress`] on the way. [`push`] takes an image
//! of the store to a registry, [`check`] only looks at the Dockerfile, [`lock`] tells what it gets from elsewhere.
//!
//! Invariant: this room prints nothing and reads no environment; all that a build depends on is in its request, the
//! store, and the files that the request names.

mod ahead;
mod annotations;
mod beside;
mod check;
mod emulation;
mod epoch;
mod error;
mod far;
mod handout;
mod load;
mod lock;
mod outcome;
mod prepare;
mod push;
mod read;
mod request;
mod resolver;
mod share;
mod testimony;

pub use check::{Report, check};
pub use error::{BuildError, CacheError};
pub use lock::lock;
pub use outcome::{Outcome, Progress};
pub use push::{PushRequest, push};
pub use request::{
    Annotation, AnnotationPlace, Attestations, CacheFrom, CacheTo, ContextSource, Destination, DockerfileSource,
    NamedContext, Output, OutputKind, ProvenanceRequest, Pull, Request,
};

use crate::diagnostic::Source;
use crate::exchange::{Exchange, Imports, LocalExchange, Lost, Place, RegistryExchange};
use crate::execute::{ExecuteError, Executor, Machine, Notes, Stacks, Tree};
use crate::export::Ahead;
use crate::http::Client;
use crate::layer::Host;
use crate::plan::{self, Graph, Outline, StageSummary, StepId};
use crate::registry::Registries;
use crate::schedule::{self, Cancel, Event, Failure, OnCancel};
use crate::store::Store;
use ahead::Packing;
use handout::HandOut;
use load::Loader;
use prepare::{Checks, Given, Planned, parsed};
use share::Sharing;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use testimony::Testimony;

/// Builds.
///
/// # Errors
/// [`BuildError`]; the store is good whatever happens, and nothing half-written is left at a destination.
pub fn build(
    store: &Store,
    host: &Host,
    mut request: Request,
    cancel: &Cancel,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Outcome, BuildError> {
    let started = Instant::now();
    let began = crate::store::now();
    let given = Given::take(&mut request);
    let planned = Planned::new(store, host, &mut request, &given, Checks::Told, cancel, progress)?;
    let Planned {
        contexts,
        source,
        name,
        graph,
        bases,
        remotes,
        platforms,
        registries,
        ..
    } = &planned;
    emulation::check(graph, progress)?;
    progress(Progress::Planned(Arc::clone(graph)));

    let warn = |text| progress(Progress::Warning(text));
    for id in share::unknown_mounts(&request, graph) {
        warn(format!(
            "warning: no step has the cache mount `{id}`, which is to be shared"
        ));
    }
    let (imports, _stopped) = imports(store, host, &request, &planned, cancel, &warn);
    let executor = Executor {
        graph,
        store,
        host: *host,
        bases,
        contexts,
        remotes,
        secrets: &given.secrets,
        agents: &given.agents,
        rights: request.rights,
        machine: Machine {
            resolv_conf: request.resolv_conf.clone(),
            limits: request.limits.clone(),
        },
        stacks: Stacks::default(),
        name: name.clone(),
        imports: &imports,
        notes: Notes::default(),
    };
    let counts = Counts::default();
    let listener = |event: Event| {
        if let Some(event) = counts.count(event, &imports) {
            progress(Progress::Step(event));
        }
    };
    let sharing = Sharing::new(&request, store, registries, platforms, &cancel.flag());
    let mut early = ahead::wanted(&request, graph);
    // What is packed for others is packed for the image as well.
    early.retain(|compression| !sharing.compressions().contains(compression));
    let ahead = Ahead::new(store, early, cancel.flag());
    let packing = Packing::new(&executor, &ahead, &sharing);
    let testimony = Testimony::of(&planned, &request, began);
    // Each time that results are found to be lost, at least one step is known to have to run: so this ends.
    let mut walks = 0;
    let handed = loop {
        walks += 1;
        let again = walks <= graph.steps.node_count() + 1;
        let walked = walk(graph, &packing, request.jobs, cancel, &listener);
        if counts.built() > 0 {
            // What killed builds left; a store that can't be swept now can be swept later.
            let _ = store.sweep();
        }
        // A store that can't be written to now is as good as before.
        let _ = executor.note_uses();
        // What was learnt about the context's files is kept, even when a step failed.
        contexts.save_indexes();
        let results = match walked {
            Ok(results) => results,
            Err(Failure::Step(_, ExecuteError::Lost(_))) if again && !cancel.is_cancelled() => continue,
            Err(Failure::Cancelled | Failure::Step(_, ExecuteError::Cancelled(_))) => {
                ahead.finish();
                sharing.finish(None, progress)?;
                return Err(BuildError::Cancelled);
            }
            Err(Failure::Step(step, error)) => {
                ahead.finish();
                // What was done is of use to the next build, here or elsewhere.
                sharing.finish(None, progress)?;
                return Err(BuildError::step(graph, step, error, source.clone()));
            }
        };
        let hand_out = HandOut {
            store,
            executor: &executor,
            platforms,
            testimony: testimony.as_ref(),
            registries,
            graph,
            results: &results,
            cancel,
            progress,
        };
        match hand_out.prepare(&request).and_then(|()| hand_out.all(&mut request)) {
            Err(BuildError::Execute(error)) if again && matches!(*error, ExecuteError::Lost(_)) => continue,
            Err(error) => {
                ahead.finish();
                sharing.finish(None, progress)?;
                return Err(error);
            }
            Ok(handed) => break (handed, hand_out.bundle()),
        }
    };
    let (handed, bundle) = handed;
    ahead.finish();
    sharing.finish(Some((&bundle, &executor.notes.mounts(), host)), progress)?;
    Ok(Outcome {
        image: handed,
        names: request
            .tags
            .iter()
            .map(|tag| tag.clone().or_latest().familiar())
            .collect(),
        built: counts.built(),
        reused: counts.reused(),
        duration: started.elapsed(),
    })
}

/// Says what a build would take, without doing it.
///
/// # Errors
/// As [`build`], as far as the Dockerfile and its base images are concerned.
pub fn outline(
    store: &Store,
    host: &Host,
    mut request: Request,
    cancel: &Cancel,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Outline, Source), BuildError> {
    let given = Given::take(&mut request);
    let planned = Planned::new(store, host, &mut request, &given, Checks::Left, cancel, progress)?;
    Ok((planned.graph.outline.clone(), planned.source))
}

/// Lists the stages that may be asked for. Only the Dockerfile is looked at.
///
/// # Errors
/// When it can't be read, or has errors.
pub fn stages(
    store: &Store,
    host: &Host,
    mut request: Request,
    cancel: &Cancel,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Vec<StageSummary>, Source), BuildError> {
    let given = Given::take(&mut request);
    let client = Client::new(request.http.clone());
    let _stops = prepare::stopping(&client, cancel);
    let remotes = given.remotes(store, &request, client, cancel);
    let loader = Loader {
        store,
        host,
        remotes: &remotes,
        cancel,
        progress,
    };
    let (read, parsed) = parsed(&loader, &mut request)?;
    Ok((plan::stages(&parsed.dockerfile), read.source))
}

/// Where results of other machines are looked for.
fn imports<'a>(
    store: &'a Store,
    host: &Host,
    request: &Request,
    planned: &Planned<'_>,
    cancel: &'a Cancel,
    warn: &'a (dyn Fn(String) + Sync),
) -> (Imports<'a>, OnCancel<'a>) {
    let mut settings = request.http.clone();
    // Who doesn't answer soon saves nothing.
    settings.patience.connect = settings.patience.connect.min(IMPORT_PATIENCE);
    settings.patience.idle = settings.patience.idle.min(IMPORT_PATIENCE);
    settings.patience.tries = settings.patience.tries.min(2);
    settings.patience.longest_pause = settings.patience.longest_pause.min(Duration::from_secs(2));
    let client = Client::new(settings);
    let registries = Registries::new(client.clone(), request.registries.clone());
    let exchanges = request.cache_from.iter().map(|from| {
        let exchange: Arc<dyn Exchange> = match &from.place {
            Place::Registry(name) => Arc::new(RegistryExchange::new(&registries, name, &planned.platforms)),
            Place::Directory { path, tag } => Arc::new(LocalExchange::new(path, tag)),
        };
        (exchange, from.mounts.clone())
    });
    let (registries, platforms) = (planned.registries.clone(), &planned.platforms);
    let stopped = prepare::stopping(&client, cancel);
    let imports = Imports::new(exchanges.collect(), store, host, registries, platforms, warn);
    (imports, stopped)
}

/// How long a cache may take to answer.
const IMPORT_PATIENCE: Duration = Duration::from_secs(10);

/// Walks the graph once. The walk turns its own switch when a step fails, so that another walk may follow.
fn walk<'a>(
    graph: &Graph,
    work: &Packing<'a>,
    jobs: NonZeroUsize,
    cancel: &Cancel,
    listener: &dyn schedule::Listener,
) -> Result<schedule::Results<Tree>, Failure<ExecuteError>> {
    let own = Arc::new(Cancel::new());
    let turned = Arc::clone(&own);
    let _follows = cancel.on_cancel(move || turned.cancel());
    schedule::run(graph, work, jobs, &own, listener)
}

/// Which steps were built and reused, each once.
#[derive(Default)]
struct Counts {
    built: Mutex<BTreeSet<StepId>>,
    reused: Mutex<BTreeSet<StepId>>,
}

impl Counts {
    /// Notes what happened; gives the event back when it is to be told.
    fn count(&self, event: Event, imports: &Imports<'_>) -> Option<Event> {
        match &event {
            Event::Built { step, .. } => {
                self.built.lock().unwrap_or_else(PoisonError::into_inner).insert(*step);
            }
            // A step that another walk comes by again was told before.
            Event::Reused { step, .. } => {
                let built = self.built.lock().unwrap_or_else(PoisonError::into_inner).contains(step);
                let mut reused = self.reused.lock().unwrap_or_else(PoisonError::into_inner);
                if built || !reused.insert(*step) {
                    return None;
                }
            }
            // What others were to have can't be had: its step runs, and then this one again.
            Event::Failed { step, error, .. } if imports.has_lost() && *error == Lost.to_string() => {
                return Some(Event::Stopped { step: *step });
            }
            _ => {}
        }
        Some(event)
    }

    fn built(&self) -> usize {
        self.built.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn reused(&self) -> usize {
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = self.reused.lock().unwrap_or_else(PoisonError::into_inner);
        reused.difference(&built).count()
    }
}
