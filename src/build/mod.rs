//! Takes one build request through the rooms, from text to image.
//!
//! Enter by [`build`]: a store and a [`Request`] in, an [`Outcome`] out, [`Progress`] on the way. [`push`] takes an image
//! of the store to a registry, [`check`] only looks at the Dockerfile.
//!
//! Invariant: this room prints nothing and reads no environment; all that a build depends on is in its request, the
//! store, and the files that the request names.

mod ahead;
mod annotations;
mod check;
mod emulation;
mod epoch;
mod error;
mod handout;
mod load;
mod outcome;
mod prepare;
mod push;
mod read;
mod request;
mod resolver;

pub use check::{Report, check};
pub use error::BuildError;
pub use outcome::{Outcome, Progress};
pub use push::{PushRequest, push};
pub use request::{
    Annotation, AnnotationPlace, ContextSource, Destination, DockerfileSource, NamedContext, Output, OutputKind, Pull,
    Request,
};

use crate::diagnostic::Source;
use crate::execute::{ExecuteError, Executor, Machine, Reused, Stacks};
use crate::export::Ahead;
use crate::http::Client;
use crate::layer::Host;
use crate::plan::{self, Outline, StageSummary};
use crate::schedule::{self, Cancel, Event, Failure};
use crate::store::Store;
use ahead::Packing;
use handout::HandOut;
use load::Loader;
use prepare::{Checks, Given, Planned, parsed};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

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
        reused: Reused::default(),
    };
    let counts = Counts::default();
    let listener = |event: Event| {
        counts.count(&event);
        progress(Progress::Step(event));
    };
    let ahead = Ahead::new(store, ahead::wanted(&request, graph), cancel.flag());
    let packing = Packing::new(&executor, &ahead);
    let walked = schedule::run(graph, &packing, request.jobs, cancel, &listener);
    ahead.finish();
    if counts.built.load(Ordering::Relaxed) > 0 {
        // What killed builds left; a store that can't be swept now can be swept later.
        let _ = store.sweep();
    }
    // A store that can't be written to now is as good as before.
    let _ = executor.note_uses();
    // What was learnt about the context's files is kept, even when a step failed.
    contexts.save_indexes();
    let results = walked.map_err(|failure| match failure {
        Failure::Cancelled | Failure::Step(_, ExecuteError::Cancelled(_)) => BuildError::Cancelled,
        Failure::Step(step, error) => BuildError::step(graph, step, error, source.clone()),
    })?;

    let handed = HandOut {
        store,
        host,
        stacks: &executor.stacks,
        platforms,
        registries,
        graph,
        results: &results,
        cancel,
        progress,
    }
    .all(&mut request)?;
    Ok(Outcome {
        image: handed,
        names: request
            .tags
            .iter()
            .map(|tag| tag.clone().or_latest().familiar())
            .collect(),
        built: counts.built.load(Ordering::Relaxed),
        reused: counts.reused.load(Ordering::Relaxed),
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

#[derive(Default)]
struct Counts {
    built: AtomicUsize,
    reused: AtomicUsize,
}

impl Counts {
    fn count(&self, event: &Event) {
        match event {
            Event::Built { .. } => self.built.fetch_add(1, Ordering::Relaxed),
            Event::Reused { .. } => self.reused.fetch_add(1, Ordering::Relaxed),
            _ => return,
        };
    }
}
