//! `varve build`: what was typed becomes a request, and the outcome becomes lines, files and an exit code.

use super::annotations::annotation;
use super::arguments::{BuildArguments, NetworkArgument, Progress as Style, PullArgument};
use super::attestations::attestations;
use super::caches;
use super::call::{self, Call};
use super::check;
use super::failure::{Exit, Failure, Usage};
use super::loader::Loader;
use super::lock;
use super::machine::{self, Machine};
use super::network;
use super::output::size;
use super::outputs::outputs;
use super::progress;
use super::steps;
use crate::build::{
    self, BuildError, ContextSource, DockerfileSource, NamedContext, Outcome, Output, OutputKind, Progress, Pull,
    Request,
};
use crate::oci::Reference;
use crate::pins::Ledger;
use crate::plan::{GitSource, Network};
use crate::schedule::Cancel;
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(super) fn run(arguments: BuildArguments, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    let asked = call::read(&arguments)?;
    if asked.call == Call::Describe {
        return super::print(&call::describe(asked.format)).map(|()| Exit::Done);
    }
    let mut request = request(&arguments)?;
    let loader = match (arguments.load, asked.call) {
        (true, Call::Build) => {
            let (loader, output) = Loader::start()?;
            request.outputs.push(output);
            Some(loader)
        }
        _ => None,
    };
    let machine = Machine::enter(arguments.store.root.as_deref())?;
    if asked.call == Call::Check {
        let _signals = machine::cancel_on_signals(cancel);
        return check::run(&machine.store()?, &machine.host(), request, &asked, cancel);
    }
    let style = style(arguments.progress);
    let screen = progress::screen(style, arguments.quiet);
    let found = Mutex::new(Vec::new());
    if let Some(note) = machine.note() {
        screen.show(Progress::Warning(format!("note: {note}")));
    }
    let _signals = machine::cancel_on_signals(cancel);
    let show = |progress| match progress {
        Progress::Checked(findings) if style != Style::RawJson => {
            *found.lock().unwrap_or_else(PoisonError::into_inner) = findings;
        }
        other => screen.show(other),
    };
    let store = machine.store()?;
    let answer = match asked.call {
        Call::Outline => build::outline(&store, &machine.host(), request, cancel, &show)
            .map(|(outline, source)| call::outline(&outline, &source, asked.format)),
        Call::Targets => build::stages(&store, &machine.host(), request, cancel, &show)
            .map(|(stages, source)| call::targets(&stages, &source, asked.format)),
        Call::Build | Call::Check | Call::Describe => {
            let result = build::build(&store, &machine.host(), request, cancel, &show);
            screen.close();
            if !arguments.quiet && style != Style::Quiet {
                check::summary(&found.into_inner().unwrap_or_else(PoisonError::into_inner));
            }
            let loaded = match (loader, &result) {
                // When it stopped reading it knows why.
                (Some(loader), Ok(_) | Err(BuildError::BrokenPipe)) => Some(loader.finish()?),
                _ => None,
            };
            report(&arguments, &result?)?;
            if let Some(said) = loaded.filter(|_| !arguments.quiet) {
                super::note(&said);
            }
            return Ok(Exit::Done);
        }
    };
    screen.close();
    super::print(&answer?).map(|()| Exit::Done)
}

/// The style that was asked for, here or in the environment, whose other values are for other tools.
fn style(given: Option<Style>) -> Style {
    given.unwrap_or_else(|| match std::env::var("BUILDKIT_PROGRESS").as_deref() {
        Ok("plain") => Style::Plain,
        Ok("tty") => Style::Tty,
        Ok("quiet" | "none") => Style::Quiet,
        Ok("rawjson") => Style::RawJson,
        _ => Style::Auto,
    })
}

/// What remains to be told when the build is done.
fn report(arguments: &BuildArguments, outcome: &Outcome) -> Result<(), Failure> {
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text)
            .map_err(|error| Failure::machine(format!("cannot write `{}`: {error}", path.display())))
    };
    // Several images have no ID in common; then it is what leads to them.
    let id = outcome.image.config.as_ref().or(outcome.image.manifest.as_ref());
    let id = id.map(|config| config.digest.to_string());
    if let Some(path) = &arguments.iidfile {
        write(path, id.as_deref().unwrap_or_default())?;
    }
    if let Some(path) = &arguments.metadata_file {
        let mut text = serde_json::to_string_pretty(&outcome.metadata()).unwrap_or_default();
        text.push('\n');
        write(path, &text)?;
    }
    if arguments.quiet {
        if let Some(id) = &id {
            super::print(id)?;
        }
        return Ok(());
    }
    // Whoever reads objects, or asked for quiet, wants nothing else.
    if matches!(style(arguments.progress), Style::RawJson | Style::Quiet) {
        return Ok(());
    }
    let names = outcome.names.join(", ");
    let what = match (&id, names.is_empty()) {
        (Some(id), true) => format!("image {id}"),
        (Some(id), false) => format!("{names}, image {id}"),
        (None, _) => "done".to_owned(),
    };
    let counted = |count: usize, what: &str| format!("{count} step{} {what}", if count == 1 { "" } else { "s" });
    super::note(&format!(
        "{what}: {}, {}, in {:.2}s",
        counted(outcome.built, "built"),
        counted(outcome.reused, "reused"),
        outcome.duration.as_secs_f64(),
    ));
    Ok(())
}

/// Turns what was typed into what is meant.
pub(super) fn request(arguments: &BuildArguments) -> Result<Request, Usage> {
    let (http, registries) = network::servers(&arguments.servers)?;
    let ledger = match &arguments.locked {
        Some(_) => Ledger::bound(lock::read(&lock::file(arguments)?)?),
        None => Ledger::default(),
    };
    let from_stdin = |path: &Path| path == Path::new("-");
    let context_is_stdin = from_stdin(&arguments.context);
    let dockerfile = match &arguments.file {
        None => DockerfileSource::Context,
        Some(path) if from_stdin(path) => {
            if context_is_stdin {
                return Err(Usage::new("context and Dockerfile can't both come from standard input"));
            }
            DockerfileSource::Text {
                name: "standard input".to_owned(),
                text: dockerfile_from_stdin()?,
            }
        }
        Some(path) => match path.to_str().filter(|text| is_page(text)) {
            Some(address) => DockerfileSource::Url(address.to_owned()),
            None => DockerfileSource::File(path.clone()),
        },
    };
    let context = if context_is_stdin {
        if std::io::stdin().is_terminal() {
            return Err(Usage::new(
                "`-` reads a context from standard input, which is a terminal",
            ));
        }
        ContextSource::Stream(Box::new(std::io::stdin()))
    } else {
        match far(&arguments.context, GitSource::parse_context)? {
            Some(Far::Git(source)) => ContextSource::Git(source),
            Some(Far::Page(address)) => ContextSource::Url(address),
            None => ContextSource::Directory(arguments.context.clone()),
        }
    };
    let outputs = outputs(&arguments.outputs, arguments.push, !arguments.tags.is_empty())?;
    let makes_image =
        |output: &Output| !matches!(output.kind, OutputKind::Nothing | OutputKind::Tar | OutputKind::Local);
    if arguments.iidfile.is_some()
        && arguments.tags.is_empty()
        && !outputs.is_empty()
        && !outputs.iter().any(makes_image)
    {
        return Err(Usage::new(
            "`--iidfile` needs an image, and these outputs make none: give it a name with `-t`",
        ));
    }
    let tags: Result<Vec<Reference>, Usage> = arguments.tags.iter().map(|name| tag(name)).collect();
    Ok(Request {
        context,
        dockerfile,
        target: arguments.target.clone(),
        tags: tags?,
        build_args: build_args(&arguments.build_args),
        named_contexts: each(&arguments.build_contexts, named_context)?,
        labels: each(&arguments.labels, |label| {
            Ok(label.split_once('=').map_or((label.to_owned(), String::new()), pair))
        })?,
        secrets: each(&arguments.secrets, steps::secret)?
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        agents: steps::agents(&arguments.ssh)?,
        no_cache: arguments.no_cache,
        no_cache_stages: arguments.no_cache_filter.clone(),
        network: network(arguments.network),
        extra_hosts: each(&arguments.add_hosts, steps::extra_host)?,
        shm_size: arguments
            .shm_size
            .as_deref()
            .map(size)
            .transpose()?
            .filter(|size| *size > 0),
        ulimits: each(&arguments.ulimits, steps::ulimit)?,
        cgroup_parent: arguments.cgroup_parent.clone().filter(|it| !it.is_empty()),
        limits: steps::limits(arguments)?,
        rights: steps::rights(arguments)?,
        platforms: arguments
            .platforms
            .iter()
            .filter(|it| !it.is_empty())
            .cloned()
            .collect(),
        resolv_conf: std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
        http,
        git: network::git(&arguments.servers.ca_certs),
        ledger: Arc::new(ledger),
        registries,
        pull: match arguments.pull {
            PullArgument::Always => Pull::Always,
            PullArgument::Missing => Pull::Missing,
            PullArgument::Never => Pull::Never,
        },
        outputs,
        needs_manifest: arguments.metadata_file.is_some(),
        annotations: each(&arguments.annotations, annotation)?.concat(),
        attestations: attestations(
            &arguments.attest,
            arguments.provenance.as_deref(),
            arguments.sbom.as_deref(),
        )?,
        jobs: arguments.jobs,
        cache_from: each(&arguments.cache_from, caches::from)?.concat(),
        cache_to: caches::to(&arguments.cache_to, &arguments.build_args)?,
    })
}

/// A context that comes over the network.
enum Far {
    Git(Box<GitSource>),
    Page(String),
}

/// What a context is that is no directory of this machine: a repository as `parse` reads it, or a page.
fn far(context: &Path, parse: fn(&str) -> Option<Result<GitSource, String>>) -> Result<Option<Far>, Usage> {
    let Some(text) = context.to_str().filter(|_| !context.is_dir()) else {
        return Ok(None);
    };
    match parse(text) {
        Some(source) => Ok(Some(Far::Git(Box::new(source.map_err(Usage::new)?)))),
        None => Ok(is_page(text).then(|| Far::Page(text.to_owned()))),
    }
}

pub(super) fn is_page(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

fn each<T>(given: &[String], parse: impl Fn(&str) -> Result<T, Usage>) -> Result<Vec<T>, Usage> {
    given.iter().map(|text| parse(text)).collect()
}

fn pair((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

pub(super) fn network(argument: NetworkArgument) -> Network {
    match argument {
        NetworkArgument::Default => Network::Default,
        NetworkArgument::None => Network::None,
        NetworkArgument::Host => Network::Host,
    }
}

/// The largest Dockerfile that is read, in bytes.
const LARGEST_DOCKERFILE: u64 = 16 << 20;

fn dockerfile_from_stdin() -> Result<String, Usage> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(LARGEST_DOCKERFILE + 1)
        .read_to_end(&mut text)
        .map_err(|error| Usage::new(format!("cannot read the Dockerfile from standard input: {error}")))?;
    if text.len() as u64 > LARGEST_DOCKERFILE {
        return Err(Usage::new("the Dockerfile on standard input is larger than 16 MiB"));
    }
    String::from_utf8(text).map_err(|_| Usage::new("the Dockerfile on standard input is not UTF-8 text"))
}

pub(super) fn tag(name: &str) -> Result<Reference, Usage> {
    let reference: Reference = name
        .parse()
        .map_err(|error| Usage::new(format!("`{name}` can't be the name of an image: {error}")))?;
    if reference.digest().is_some() {
        return Err(Usage::new(format!(
            "`{name}` can't be given to an image: a digest is not chosen"
        )));
    }
    Ok(reference)
}

/// A bare name takes the caller's variable, and is left out when there is none; `SOURCE_DATE_EPOCH` needs no name.
fn build_args(given: &[String]) -> Vec<(String, String)> {
    let value_of = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let mut all: Vec<(String, String)> = given
        .iter()
        .filter_map(|argument| match argument.split_once('=') {
            Some(given) => Some(pair(given)),
            None => value_of(argument).map(|value| (argument.clone(), value)),
        })
        .collect();
    // Reproducible builds set this one for all tools alike (reproducible-builds.org), and buildx passes it on.
    if !all.iter().any(|(name, _)| name == EPOCH)
        && let Some(value) = value_of(EPOCH).filter(|value| !value.is_empty())
    {
        all.push((EPOCH.to_owned(), value));
    }
    all
}

const EPOCH: &str = "SOURCE_DATE_EPOCH";

fn named_context(given: &str) -> Result<(String, NamedContext), Usage> {
    let Some((name, value)) = given.split_once('=') else {
        return Err(Usage::new(format!("`--build-context {given}`: want NAME=VALUE")));
    };
    if name.is_empty() || value.is_empty() {
        return Err(Usage::new(format!(
            "`--build-context {given}`: name and value can't be empty"
        )));
    }
    let context = if let Some(layout) = value.strip_prefix("oci-layout://") {
        let (path, selector) = split_selector(layout);
        NamedContext::Layout {
            path: PathBuf::from(path),
            selector: selector.map(str::to_owned),
        }
    } else if let Some(image) = value.strip_prefix("docker-image://") {
        NamedContext::Image(image.to_owned())
    } else {
        let path = PathBuf::from(value);
        match (far(&path, GitSource::parse)?, value.split_once("://")) {
            (Some(Far::Git(source)), _) => NamedContext::Git(source),
            (Some(Far::Page(address)), _) => NamedContext::Url(address),
            (None, Some((scheme, _))) if !path.is_dir() => {
                return Err(Usage::new(format!(
                    "`--build-context {given}`: there is no kind of context `{scheme}://`"
                )));
            }
            (None, _) if !path.is_dir() && (value.starts_with("target:") || value.starts_with("input:")) => {
                return Err(Usage::new(format!(
                    "`--build-context {given}`: targets and inputs of other builds can't be contexts"
                )));
            }
            (None, _) => NamedContext::Directory(path),
        }
    };
    Ok((name.to_owned(), context))
}

/// `PATH`, `PATH:TAG` or `PATH@DIGEST`. A colon before a slash belongs to the path.
pub(super) fn split_selector(layout: &str) -> (&str, Option<&str>) {
    if let Some((path, digest)) = layout.split_once('@') {
        return (path, Some(digest));
    }
    match layout.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (layout, None),
    }
}
