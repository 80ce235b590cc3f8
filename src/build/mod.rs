//! Takes one build request through the rooms, from text to image.
//!
//! Enter by [`build`]: a store and a [`Request`] in, an [`Outcome`] out, [`Progress`] on the way.
//!
//! Invariant: this room prints nothing and reads no environment; all that a build depends on is in its request, the
//! store, and the files that the request names.

mod error;
mod handout;
mod outcome;
mod read;
mod request;
mod resolver;

pub use error::BuildError;
pub use outcome::{Outcome, Progress};
pub use request::{ContextSource, Destination, DockerfileSource, NamedContext, Output, OutputKind, Pull, Request};

use crate::diagnostic::{Diagnostic, Severity, Source, render};
use crate::dockerfile;
use crate::execute::{Bases, ExecuteError, Executor, Machine, Remotes, Stacks};
use crate::http::Client;
use crate::layer::Host;
use crate::oci::Platform;
use crate::plan::{self, Graph, NoCache};
use crate::registry::Registries;
use crate::schedule::{self, Cancel, Event, Failure};
use crate::store::Store;
use handout::HandOut;
use resolver::{Resolver, Unresolved};
use std::collections::BTreeMap;
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
    let read::Read {
        contexts,
        source,
        name,
        warnings,
        _unpacked,
    } = read::read(&mut request, store, cancel)?;
    let warn = |diagnostic: &Diagnostic| progress(Progress::Warning(render(diagnostic, &source, false)));

    warnings.iter().for_each(warn);
    let parsed = dockerfile::parse(source.text());
    let (errors, warnings): (Vec<_>, Vec<_>) = parsed
        .diagnostics
        .into_iter()
        .partition(|diagnostic| diagnostic.severity == Severity::Error);
    warnings.iter().for_each(warn);
    if !errors.is_empty() {
        return Err(BuildError::Dockerfile {
            text: Box::new(source),
            diagnostics: errors,
        });
    }

    let client = Client::new(request.http.clone());
    let stopped = client.clone();
    let _stops = cancel.on_cancel(move || stopped.stop());
    let registries = Registries::new(client.clone(), request.registries.clone());
    let (graph, bases, warnings) = lower(store, &registries, &request, &parsed.dockerfile, &source)?;
    warnings.iter().for_each(warn);
    let graph = Arc::new(graph);
    progress(Progress::Planned(Arc::clone(&graph)));

    let remotes = Remotes::new(client);
    let executor = Executor {
        graph: &graph,
        store,
        host: *host,
        bases: &bases,
        contexts: &contexts,
        remotes: &remotes,
        secrets: &request.secrets,
        agents: &request.agents,
        rights: request.rights,
        machine: Machine {
            resolv_conf: request.resolv_conf.clone(),
            limits: request.limits.clone(),
        },
        stacks: Stacks::default(),
        name,
    };
    let counts = Counts::default();
    let listener = |event: Event| {
        counts.count(&event);
        progress(Progress::Step(event));
    };
    let walked = schedule::run(&graph, &executor, request.jobs, cancel, &listener);
    if counts.built.load(Ordering::Relaxed) > 0 {
        // What killed builds left; a store that can't be swept now can be swept later.
        let _ = store.sweep();
    }
    // What was learnt about the context's files is kept, even when a step failed.
    contexts.save_indexes();
    let results = walked.map_err(|failure| match failure {
        Failure::Cancelled | Failure::Step(_, ExecuteError::Cancelled(_)) => BuildError::Cancelled,
        Failure::Step(step, error) => BuildError::step(&graph, step, error, source.clone()),
    })?;

    let handed = HandOut {
        store,
        graph: &graph,
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

/// Lowers until no base is missing: triggers of a base may name further bases.
fn lower(
    store: &Store,
    registries: &Registries,
    request: &Request,
    dockerfile: &dockerfile::Dockerfile,
    source: &Source,
) -> Result<(Graph, Bases, Vec<Diagnostic>), BuildError> {
    let refused = |diagnostics| BuildError::Dockerfile {
        text: Box::new(source.clone()),
        diagnostics,
    };
    let named_contexts: BTreeMap<String, plan::NamedContext> = request
        .named_contexts
        .iter()
        .map(|(name, context)| (name.clone(), resolver::planned(context)))
        .collect();
    let platform = this_platform();
    let mut lowering = plan::Request::new(dockerfile, platform.clone(), &named_contexts);
    lowering.build_args = &request.build_args;
    lowering.target = request.target.as_deref();
    lowering.labels = &request.labels;
    lowering.target_platform = match &request.platform {
        None => platform,
        Some(text) => Platform::parse(text, &platform).map_err(|error| BuildError::Platform(error.to_string()))?,
    };
    lowering.no_cache = match (request.no_cache, request.no_cache_stages.is_empty()) {
        (true, _) => NoCache::All,
        (false, false) => NoCache::Stages(request.no_cache_stages.clone()),
        (false, true) => NoCache::None,
    };
    lowering.network = request.network;
    lowering.extra_hosts = &request.extra_hosts;
    lowering.shm_size = request.shm_size;
    lowering.ulimits = &request.ulimits;
    lowering.cgroup_parent = request.cgroup_parent.as_deref();

    let resolver = Resolver {
        store,
        contexts: &request.named_contexts,
        registries,
        pull: request.pull,
    };
    let mut bases = Bases::default();
    loop {
        let lowered = plan::lower(&lowering, bases.configs()).map_err(refused)?;
        let needs = match lowered.outcome {
            plan::Outcome::Ready(graph) => return Ok((*graph, bases, lowered.warnings)),
            plan::Outcome::NeedsImages(needs) => needs,
        };
        let mut problems = Vec::new();
        for (need, found) in resolver.resolve(needs) {
            match found {
                Ok(image) => bases.add(need.key, image),
                Err(Unresolved::Error(error)) => return Err(error),
                Err(Unresolved::Refused(message, help)) => {
                    let mut diagnostic = Diagnostic::error("base-image", need.span, message);
                    diagnostic
                        .help
                        .extend(need.near.map(|near| format!("did you mean the stage `{near}`?")));
                    diagnostic.help.extend(help);
                    problems.push(diagnostic);
                }
            }
        }
        if !problems.is_empty() {
            return Err(refused(problems));
        }
    }
}

/// The platform of this machine, in Go's names.
fn this_platform() -> Platform {
    Platform::new(std::env::consts::OS, std::env::consts::ARCH, "")
}
