//! From a request to a graph: what is read, parsed and lowered before the first step.

use super::resolver::{self, Resolver, Unresolved};
use super::{BuildError, Progress, Request, annotations, epoch, read};
use crate::diagnostic::{Diagnostic, Severity, Source, render};
use crate::dockerfile;
use crate::execute::{Bases, Contexts, Fetcher, Remotes};
use crate::http::Client;
use crate::oci::Platform;
use crate::plan::{self, Graph, NoCache};
use crate::registry::Registries;
use crate::schedule::{Cancel, OnCancel};
use crate::store::{Draft, Store};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A build that is ready to be done.
pub(super) struct Planned<'a> {
    pub(super) contexts: Contexts,
    pub(super) source: Source,
    pub(super) name: String,
    pub(super) graph: Arc<Graph>,
    pub(super) bases: Bases,
    pub(super) remotes: Remotes,
    pub(super) platform: Platform,
    _stops: OnCancel<'a>,
    _unpacked: Option<Draft>,
}

impl<'a> Planned<'a> {
    pub(super) fn new(
        store: &Store,
        request: &mut Request,
        cancel: &'a Cancel,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, BuildError> {
        let (read, dockerfile) = parsed(store, request, cancel, progress)?;
        let platform = target_platform(request)?;
        // What can't be written is said before anything is built.
        for output in &request.outputs {
            annotations::of_image(&output.annotations, &platform)?;
        }
        annotations::of_image(&request.annotations, &platform)?;
        let client = Client::new(request.http.clone());
        let stopped = client.clone();
        let stops = cancel.on_cancel(move || stopped.stop());
        let registries = Registries::new(client.clone(), request.registries.clone());
        let remotes = Remotes::new(client);
        let lowering = Lowering {
            store,
            registries: &registries,
            contexts: &read.contexts,
            remotes: &remotes,
            request,
            platform: &platform,
            dockerfile: &dockerfile,
            source: &read.source,
        };
        let (graph, bases, warnings) = lowering.lower()?;
        warn(progress, &warnings, &read.source);
        Ok(Self {
            contexts: read.contexts,
            source: read.source,
            name: read.name,
            graph: Arc::new(graph),
            bases,
            remotes,
            platform,
            _stops: stops,
            _unpacked: read._unpacked,
        })
    }
}

/// Reads the Dockerfile and refuses one with errors.
pub(super) fn parsed(
    store: &Store,
    request: &mut Request,
    cancel: &Cancel,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(read::Read, dockerfile::Dockerfile), BuildError> {
    let read = read::read(request, store, cancel)?;
    warn(progress, &read.warnings, &read.source);
    let parsed = dockerfile::parse(read.source.text());
    let (errors, warnings): (Vec<_>, Vec<_>) = parsed
        .diagnostics
        .into_iter()
        .partition(|diagnostic| diagnostic.severity == Severity::Error);
    warn(progress, &warnings, &read.source);
    if errors.is_empty() {
        return Ok((read, parsed.dockerfile));
    }
    Err(BuildError::Dockerfile {
        text: Box::new(read.source),
        diagnostics: errors,
    })
}

fn warn(progress: &(dyn Fn(Progress) + Sync), warnings: &[Diagnostic], source: &Source) {
    for warning in warnings {
        progress(Progress::Warning(render(warning, source, false)));
    }
}

/// What lowering needs.
struct Lowering<'a> {
    store: &'a Store,
    registries: &'a Registries,
    contexts: &'a Contexts,
    remotes: &'a Remotes,
    request: &'a Request,
    platform: &'a Platform,
    dockerfile: &'a dockerfile::Dockerfile,
    source: &'a Source,
}

impl Lowering<'_> {
    /// Lowers until nothing is missing: triggers of a base may name further bases.
    fn lower(&self) -> Result<(Graph, Bases, Vec<Diagnostic>), BuildError> {
        let request = self.request;
        let named_contexts: BTreeMap<String, plan::NamedContext> = request
            .named_contexts
            .iter()
            .map(|(name, context)| (name.clone(), resolver::planned(context)))
            .collect();
        let mut lowering = plan::Request::new(self.dockerfile, this_platform(), &named_contexts);
        lowering.build_args = &request.build_args;
        lowering.target = request.target.as_deref();
        lowering.labels = &request.labels;
        lowering.target_platform = self.platform.clone();
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

        let mut bases = Bases::default();
        let mut epoch = None;
        loop {
            let mut asked = lowering.clone();
            asked.epoch = epoch.as_ref();
            let lowered = plan::lower(&asked, bases.configs()).map_err(|problems| self.refused(problems))?;
            match lowered.outcome {
                plan::Outcome::Ready(graph) => return Ok((*graph, bases, lowered.warnings)),
                plan::Outcome::NeedsImages(needs) => self.find(needs, &mut bases)?,
                plan::Outcome::NeedsEpoch(source) => {
                    let fetcher = Fetcher {
                        store: self.store,
                        remotes: self.remotes,
                        secrets: &request.secrets,
                    };
                    epoch = Some(epoch::ask(&source, self.contexts, &fetcher)?);
                }
            }
        }
    }

    /// Finds base images.
    fn find(&self, needs: Vec<plan::ImageNeed>, bases: &mut Bases) -> Result<(), BuildError> {
        let resolver = Resolver {
            store: self.store,
            contexts: &self.request.named_contexts,
            registries: self.registries,
            pull: self.request.pull,
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
        match problems.is_empty() {
            true => Ok(()),
            false => Err(self.refused(problems)),
        }
    }

    fn refused(&self, diagnostics: Vec<Diagnostic>) -> BuildError {
        BuildError::Dockerfile {
            text: Box::new(self.source.clone()),
            diagnostics,
        }
    }
}

/// What is built for.
fn target_platform(request: &Request) -> Result<Platform, BuildError> {
    let platform = this_platform();
    match &request.platform {
        None => Ok(platform),
        Some(text) => Platform::parse(text, &platform).map_err(|error| BuildError::Platform(error.to_string())),
    }
}

/// The platform of this machine, in Go's names.
fn this_platform() -> Platform {
    Platform::new(std::env::consts::OS, std::env::consts::ARCH, "")
}
