//! What BuildKit's checks say about a Dockerfile, before a build of it and instead of one.

use super::load::Loader;
use super::prepare::{Given, planned_contexts, questions, stopping, target_platforms};
use super::request::Request;
use super::resolver::{Resolver, Unresolved, planned};
use super::{BuildError, Progress, Pull, read};
use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::dockerfile::{self, Parsed};
use crate::execute;
use crate::http::Client;
use crate::layer::Host;
use crate::lint::{self, BaseFacts, Bases, Checked, Document, Finding, Surroundings};
use crate::oci::Platform;
use crate::plan::{self, ImageKey, ImageNeed};
use crate::registry::Registries;
use crate::schedule::Cancel;
use crate::store::Store;

/// What [`check`] found.
#[derive(Debug)]
pub struct Report {
    /// The Dockerfile.
    pub source: Source,
    /// What the checks found, in the order of the file.
    pub findings: Vec<Finding>,
    /// What would stop a build of it; empty when nothing would.
    pub errors: Vec<Diagnostic>,
    /// The tree, to tell lines from.
    pub parsed: Parsed,
}

/// Looks at a Dockerfile without building it: at all its stages, or at those that the request's target needs.
///
/// Base images are looked at when they are in the store or in a layout that was given; registries are asked only when
/// the request says that images are always pulled.
///
/// # Errors
/// [`BuildError`] when the Dockerfile or the contexts can't be read, or its `# check=` makes no sense.
pub fn check(
    store: &Store,
    host: &Host,
    mut request: Request,
    cancel: &Cancel,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, BuildError> {
    let given = Given::take(&mut request);
    let client = Client::new(request.http.clone());
    let _stops = stopping(&client, cancel);
    let remotes = given.remotes(store, &request, client, cancel);
    let loader = Loader {
        store,
        host,
        remotes: &remotes,
        cancel,
        progress,
    };
    let read::Read {
        contexts,
        source,
        unpacked: _unpacked,
        ..
    } = read::read(&mut request, &loader)?;
    let parsed = dockerfile::parse(source.text());
    let target = target_platforms(&request)?.swap_remove(0);
    let mut bases = execute::Bases::default();
    let mut errors: Vec<Diagnostic> = parsed.diagnostics.clone();
    errors.retain(|diagnostic| diagnostic.severity == Severity::Error);
    let options = options(&request);
    if errors.is_empty() {
        look_for_bases(store, &request, &source, &parsed, &target, cancel, &mut bases)?;
        let contexts = planned_contexts(&request);
        let questions = questions(&request, &target, &parsed.dockerfile, &contexts);
        if let Err(problems) = plan::lower(&questions, bases.configs()) {
            errors = problems;
        }
    }
    let known = facts(bases.configs(), &request);
    let document = Document::new(&source, &parsed, &options).with_surroundings(Surroundings {
        ignore: contexts.ignore(),
        context: None,
        bases: Some(&known),
        platform: Some(&target),
        only_needed: false,
    });
    let checked = lint::check(&document).map_err(|diagnostic| refused(&source, diagnostic))?;
    drop(document);
    Ok(Report {
        source,
        findings: checked.findings,
        errors,
        parsed,
    })
}

/// What a build says in passing about the stages that it needs.
pub(super) fn in_passing(
    source: &Source,
    parsed: &Parsed,
    request: &Request,
    target: &Platform,
    contexts: &execute::Contexts,
    bases: Option<&execute::Bases>,
) -> Result<Checked, BuildError> {
    let options = options(request);
    let known = bases.map(|bases| facts(bases.configs(), request)).unwrap_or_default();
    let document = Document::new(source, parsed, &options).with_surroundings(Surroundings {
        ignore: contexts.ignore(),
        context: None,
        bases: Some(&known),
        platform: Some(target),
        only_needed: true,
    });
    lint::check(&document).map_err(|diagnostic| refused(source, diagnostic))
}

fn refused(source: &Source, diagnostic: Diagnostic) -> BuildError {
    BuildError::Dockerfile {
        text: Box::new(source.clone()),
        diagnostics: vec![diagnostic],
    }
}

fn options(request: &Request) -> lint::Options {
    lint::Options {
        build_args: request.build_args.clone(),
        target: request.target.clone(),
        named_contexts: request.named_contexts.iter().map(|(name, _)| name.clone()).collect(),
        ..lint::Options::default()
    }
}

/// Finds the base images of all stages, as far as they are near.
fn look_for_bases(
    store: &Store,
    request: &Request,
    source: &Source,
    parsed: &Parsed,
    target: &Platform,
    cancel: &Cancel,
    bases: &mut execute::Bases,
) -> Result<(), BuildError> {
    let options = options(request);
    let document = Document::new(source, parsed, &options).with_surroundings(Surroundings {
        platform: Some(target),
        ..Surroundings::default()
    });
    let mut needs: Vec<ImageNeed> = Vec::new();
    for (stage, from) in document.stages().iter().zip(&document.scopes().froms) {
        let Some(image) = from.image.as_ref().filter(|_| from.is_outside) else {
            continue;
        };
        let named = request.named_contexts.iter().find(|(name, _)| name == image);
        let reference = match named.map(|(_, context)| planned(context)) {
            Some(plan::NamedContext::Directory | plan::NamedContext::Nothing) => continue,
            Some(plan::NamedContext::Image { reference }) => reference,
            None => image.clone(),
        };
        let key = ImageKey {
            reference,
            platform: from.wanted.clone(),
        };
        if needs.iter().all(|need| need.key != key) {
            needs.push(ImageNeed {
                key,
                span: Some(stage.from.span),
                near: None,
            });
        }
    }
    let client = Client::new(request.http.clone());
    let _stops = stopping(&client, cancel);
    let registries = Registries::new(client, request.registries.clone());
    let resolver = Resolver {
        store,
        contexts: &request.named_contexts,
        registries: &registries,
        pull: match request.pull {
            Pull::Always => Pull::Always,
            Pull::Missing | Pull::Never => Pull::Never,
        },
        ledger: &request.ledger,
    };
    for (need, found) in resolver.resolve(needs) {
        match found {
            Ok(image) => bases.add(need.key, image),
            Err(Unresolved::Error(BuildError::Cancelled)) => return Err(BuildError::Cancelled),
            // The checks go on without it.
            Err(_) => {}
        }
    }
    Ok(())
}

/// What the checks need to know of base images.
fn facts(configs: &std::collections::BTreeMap<ImageKey, crate::oci::ImageConfig>, request: &Request) -> Bases {
    let mut known = Bases::default();
    for (key, config) in configs {
        let facts = BaseFacts {
            platform: Platform::new(&config.os, &config.architecture, &config.variant),
            variables: config
                .config
                .env
                .iter()
                .map(|variable| variable.split('=').next().unwrap_or_default().to_owned())
                .collect(),
            has_shell: !config.config.shell.is_empty(),
        };
        let names = request.named_contexts.iter().filter(|(_, context)| {
            matches!(planned(context), plan::NamedContext::Image { reference } if reference == key.reference)
        });
        for (name, _) in names {
            known.add(name, key.platform.clone(), facts.clone());
        }
        known.add(&key.reference, key.platform.clone(), facts);
    }
    known
}
