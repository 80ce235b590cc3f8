//! From a request to a graph: what is read, parsed and lowered before the first step.

use super::load::{self, Loader};
use super::resolver::{self, Resolver, Unresolved};
use super::{BuildError, Output, OutputKind, Progress, Request, annotations, check, epoch, lock, read};
use crate::agent::Agents;
use crate::diagnostic::{Diagnostic, Severity, Source, render};
use crate::dockerfile::{self, Dockerfile, Parsed};
use crate::execute::{Bases, Contexts, Remotes, Secret};
use crate::export::ExportError;
use crate::http::Client;
use crate::layer::Host;
use crate::oci::Platform;
use crate::plan::{self, Graph, NoCache};
use crate::registry::Registries;
use crate::schedule::{Cancel, OnCancel};
use crate::store::{Draft, Store};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a request gives to steps and fetches for as long as the build takes.
pub(super) struct Given {
    pub(super) secrets: BTreeMap<String, Secret>,
    pub(super) agents: Agents,
}

impl Given {
    /// Takes it out of a request.
    pub(super) fn take(request: &mut Request) -> Self {
        Self {
            secrets: std::mem::take(&mut request.secrets),
            agents: std::mem::take(&mut request.agents),
        }
    }

    /// What fetches with it.
    pub(super) fn remotes<'a>(
        &'a self,
        store: &'a Store,
        request: &Request,
        client: Client,
        cancel: &'a Cancel,
    ) -> Remotes<'a> {
        let (git, ledger) = (request.git.clone(), Arc::clone(&request.ledger));
        Remotes::new(store, &self.secrets, &self.agents, client, git, ledger, cancel)
    }
}

/// Stops a client when the build is called off.
pub(super) fn stopping<'a>(client: &Client, cancel: &'a Cancel) -> OnCancel<'a> {
    let stopped = client.clone();
    cancel.on_cancel(move || stopped.stop())
}

/// A build that is ready to be done.
pub(super) struct Planned<'a> {
    pub(super) contexts: Contexts,
    pub(super) source: Source,
    pub(super) name: String,
    pub(super) graph: Arc<Graph>,
    pub(super) bases: Bases,
    pub(super) remotes: Remotes<'a>,
    /// What is built for, one or more.
    pub(super) platforms: Vec<Platform>,
    pub(super) registries: Registries,
    _stops: OnCancel<'a>,
    _unpacked: Vec<Draft>,
}

/// Whether BuildKit's checks are looked at on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checks {
    Told,
    Left,
}

impl<'a> Planned<'a> {
    pub(super) fn new(
        store: &'a Store,
        host: &Host,
        request: &mut Request,
        given: &'a Given,
        checks: Checks,
        cancel: &'a Cancel,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, BuildError> {
        let platforms = target_platforms(request)?;
        refuse_impossible(request, &platforms)?;
        // For several, the plan chooses for each.
        if let [platform] = &platforms[..] {
            let named_contexts = std::mem::take(&mut request.named_contexts);
            request.named_contexts = resolver::for_platform(named_contexts, platform);
        }
        let client = Client::new(request.http.clone());
        let stops = stopping(&client, cancel);
        let remotes = given.remotes(store, request, client.clone(), cancel);
        let loader = Loader {
            store,
            host,
            remotes: &remotes,
            cancel,
            progress,
        };
        let (mut read, parsed) = parsed(&loader, request)?;
        // What can't be written is said before anything is built.
        let has_index = request.has_index(&platforms);
        for output in &request.outputs {
            annotations::sorted(&output.annotations, &platforms, has_index)?;
        }
        annotations::sorted(&request.annotations, &platforms, has_index)?;
        let registries = Registries::new(client, request.registries.clone());
        let mut lowering = Lowering {
            store,
            registries: &registries,
            contexts: &mut read.contexts,
            unpacked: &mut read.unpacked,
            loader: &loader,
            request,
            platforms: &platforms,
            dockerfile: &parsed.dockerfile,
            source: &read.source,
        };
        let lowered = lowering.lower();
        let mut failed = None;
        if checks == Checks::Told {
            let known = lowered.as_ref().ok().map(|(_, bases, _)| bases);
            let checked = check::in_passing(&read.source, &parsed, request, &platforms[0], lowering.contexts, known)?;
            failed = checked.fails.then(|| BuildError::checks(&checked.findings));
            if !checked.findings.is_empty() {
                progress(Progress::Checked(checked.findings));
            }
        }
        let (graph, bases, warnings) = lowered?;
        if let Some(failed) = failed {
            return Err(failed);
        }
        lock::check(&graph, &remotes, &read.source)?;
        for name in load::used(&graph) {
            lowering.open(name)?;
        }
        warn(progress, &warnings, &read.source);
        Ok(Self {
            contexts: read.contexts,
            source: read.source,
            name: read.name,
            graph: Arc::new(graph),
            bases,
            remotes,
            platforms,
            registries,
            _stops: stops,
            _unpacked: read.unpacked,
        })
    }
}

/// Reads the Dockerfile and refuses one with errors.
pub(super) fn parsed(loader: &Loader<'_>, request: &mut Request) -> Result<(read::Read, Parsed), BuildError> {
    let progress = loader.progress;
    let read = read::read(request, loader)?;
    warn(progress, &read.warnings, &read.source);
    let parsed = dockerfile::parse(read.source.text());
    let (errors, warnings): (Vec<_>, Vec<_>) = parsed
        .diagnostics
        .iter()
        .cloned()
        .partition(|diagnostic| diagnostic.severity == Severity::Error);
    warn(progress, &warnings, &read.source);
    if errors.is_empty() {
        return Ok((read, parsed));
    }
    let named_contexts = planned_contexts(request);
    let platforms = target_platforms(request)?;
    let questions = questions(request, &platforms[0], &parsed.dockerfile, &named_contexts);
    Err(BuildError::Dockerfile {
        diagnostics: plan::problems(&questions, errors),
        text: Box::new(read.source),
    })
}

fn warn(progress: &(dyn Fn(Progress) + Sync), warnings: &[Diagnostic], source: &Source) {
    for warning in warnings.iter().filter(|warning| !is_checked(warning)) {
        progress(Progress::Warning(render(warning, source, false)));
    }
}

/// Whether the checks say the same.
fn is_checked(warning: &Diagnostic) -> bool {
    matches!(warning.code, "no-empty-continuation" | "base-platform")
}

/// What lowering needs.
struct Lowering<'a> {
    store: &'a Store,
    registries: &'a Registries,
    contexts: &'a mut Contexts,
    unpacked: &'a mut Vec<Draft>,
    loader: &'a Loader<'a>,
    request: &'a Request,
    platforms: &'a [Platform],
    dockerfile: &'a Dockerfile,
    source: &'a Source,
}

impl Lowering<'_> {
    /// Lowers for each platform, and makes one graph of it; what is odd is said once.
    fn lower(&mut self) -> Result<(Graph, Bases, Vec<Diagnostic>), BuildError> {
        let mut bases = Bases::default();
        let mut graphs: Vec<Graph> = Vec::new();
        let mut all: Vec<Diagnostic> = Vec::new();
        for platform in self.platforms {
            let (graph, warnings) = self.lower_for(platform, &mut bases)?;
            if let Some(first) = graphs.first()
                && first.source_date_epoch != graph.source_date_epoch
            {
                let why = "`SOURCE_DATE_EPOCH` is another moment for each platform: build for one at a time";
                return Err(BuildError::Platform(why.to_owned()));
            }
            graphs.push(graph);
            let is_new = |it: &Diagnostic| {
                !all.iter()
                    .any(|known| (&known.message, known.span) == (&it.message, it.span))
            };
            let new: Vec<Diagnostic> = warnings.into_iter().filter(is_new).collect();
            all.extend(new);
        }
        let graph = plan::merge(graphs).ok_or_else(|| BuildError::Platform("no platform is asked for".to_owned()))?;
        Ok((graph, bases, all))
    }

    /// Lowers until nothing is missing: triggers of a base may name further bases.
    fn lower_for(&mut self, platform: &Platform, bases: &mut Bases) -> Result<(Graph, Vec<Diagnostic>), BuildError> {
        let request = self.request;
        let named_contexts = planned_contexts(request);
        let mut lowering = questions(request, platform, self.dockerfile, &named_contexts);
        lowering.shows_platform = request.has_index(self.platforms);
        let mut epoch = None;
        loop {
            let mut asked = lowering.clone();
            asked.epoch = epoch.as_ref();
            let lowered = plan::lower(&asked, bases.configs()).map_err(|problems| self.refused(problems))?;
            match lowered.outcome {
                plan::Outcome::Ready(graph) => return Ok((*graph, lowered.warnings)),
                plan::Outcome::NeedsImages(needs) => self.find(needs, bases)?,
                plan::Outcome::NeedsEpoch(source) => {
                    if let plan::EpochSource::Named(name) = &source {
                        self.open(name)?;
                    }
                    epoch = Some(epoch::ask(&source, self.contexts, self.loader)?);
                }
            }
        }
    }

    /// Fetches a named context that is not on this machine, unless that was done before.
    fn open(&mut self, name: &str) -> Result<(), BuildError> {
        let context = self.request.named_contexts.iter().find(|(it, _)| it == name);
        if let Some((name, context)) = context
            && !self.contexts.has(name)
            && let Some((context, draft)) = self.loader.named(context)?
        {
            self.contexts.add(name, context);
            self.unpacked.extend(draft);
        }
        Ok(())
    }

    /// Finds base images.
    fn find(&self, needs: Vec<plan::ImageNeed>, bases: &mut Bases) -> Result<(), BuildError> {
        let resolver = Resolver {
            store: self.store,
            contexts: &self.request.named_contexts,
            registries: self.registries,
            pull: self.request.pull,
            ledger: &self.request.ledger,
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

/// The named contexts as the plan sees them.
pub(super) fn planned_contexts(request: &Request) -> BTreeMap<String, plan::NamedContext> {
    let contexts = request.named_contexts.iter();
    contexts
        .map(|(name, context)| (name.clone(), resolver::planned(context)))
        .collect()
}

/// What the plan is asked.
pub(super) fn questions<'a>(
    request: &'a Request,
    platform: &Platform,
    dockerfile: &'a Dockerfile,
    named_contexts: &'a BTreeMap<String, plan::NamedContext>,
) -> plan::Request<'a> {
    let mut lowering = plan::Request::new(dockerfile, this_platform(), named_contexts);
    lowering.build_args = &request.build_args;
    lowering.target = request.target.as_deref();
    lowering.labels = &request.labels;
    lowering.target_platform = platform.clone();
    lowering.is_platform_asked_for = !request.platforms.is_empty();
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
    lowering
}

/// What is built for: each platform once, in the order given; at least one.
pub(super) fn target_platforms(request: &Request) -> Result<Vec<Platform>, BuildError> {
    let here = this_platform();
    let mut platforms: Vec<Platform> = Vec::new();
    for text in &request.platforms {
        let platform = Platform::parse(text, &here).map_err(|error| BuildError::Platform(error.to_string()))?;
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    if platforms.is_empty() {
        platforms.push(here);
    }
    Ok(platforms)
}

/// Says what can't be handed out before anything is built.
fn refuse_impossible(request: &Request, platforms: &[Platform]) -> Result<(), BuildError> {
    let docker = |output: &Output| matches!(output.kind, OutputKind::Docker | OutputKind::DockerDirectory);
    if request.has_index(platforms) && request.outputs.iter().any(docker) {
        return Err(ExportError::NoIndex.into());
    }
    Ok(())
}

/// The platform of this machine, in Go's names.
fn this_platform() -> Platform {
    Platform::new(std::env::consts::OS, std::env::consts::ARCH, "")
}
