//! `varve pull`, `varve save` and `varve load`.

use super::arguments::{LoadArguments, PullArguments, SaveArguments, SaveFormat};
use super::{each, failed};
use crate::cli::failure::{Exit, Failure, Usage};
use crate::cli::machine::{self, Machine};
use crate::cli::{network, outputs, print};
use crate::export::Destination;
use crate::http::Client;
use crate::images::{self, ArchiveForm, Chosen, ImagesError, Incoming};
use crate::layer::Compression;
use crate::oci::{Platform, Reference};
use crate::registry::{Registries, RegistryError};
use crate::schedule::Cancel;
use std::io::IsTerminal as _;
use std::sync::Arc;

pub(super) fn pull(arguments: &PullArguments, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    let platform = platform(arguments.platform.as_deref())?;
    let machine = Machine::enter(arguments.store.root.as_deref())?;
    let _signals = machine::cancel_on_signals(cancel)?;
    let store = machine.store()?;
    let (http, registries) = network::servers(&arguments.servers)?;
    let client = Client::new(http);
    let stopped = client.clone();
    let _stops = cancel.on_cancel(move || stopped.stop());
    let registries = Registries::new(client, registries);
    each(&arguments.names, |text| {
        let name: Reference = text
            .parse()
            .map_err(|error| Usage::new(format!("`{text}` can't be pulled: {error}")))?;
        let pulled = match arguments.all_platforms {
            true => images::pull_all(&store, &registries, &name),
            false => images::pull(&store, &registries, &name, &platform),
        }
        .map_err(|error| told(&error, cancel))?;
        if !arguments.quiet {
            print(&format!("Digest: {}", pulled.digest))?;
            let familiar = pulled.name.familiar();
            print(&match pulled.is_new {
                true => format!("Status: Downloaded newer image for {familiar}"),
                false => format!("Status: Image is up to date for {familiar}"),
            })?;
        }
        print(&pulled.name.to_string())
    })
}

pub(super) fn save(arguments: &SaveArguments, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    let machine = Machine::enter(arguments.store.root.as_deref())?;
    let _signals = machine::cancel_on_signals(cancel)?;
    let store = machine.store()?;
    let mut chosen: Vec<Chosen> = Vec::new();
    let wanted = arguments
        .platform
        .as_deref()
        .map(|text| platform(Some(text)))
        .transpose()?;
    for text in arguments.images.iter().flat_map(|text| images::tags_of(&store, text)) {
        let text = text.map_err(|error| failed(&error))?;
        let mut image = images::find(&store, &text).map_err(|error| failed(&error))?;
        // Only names that were asked for are told.
        let name = text.parse::<Reference>().ok().map(Reference::or_latest);
        let name = name.filter(|name| name.digest().is_none() && image.names.contains(&name.to_string()));
        if let Some(platform) = &wanted {
            image = images::for_platform(&store, image, platform).map_err(|error| failed(&error))?;
        }
        let same = |it: &&mut Chosen| (it.image.id(), &it.image.top) == (image.id(), &image.top);
        match chosen.iter_mut().find(same) {
            Some(known) => known.names.extend(name.filter(|name| !known.names.contains(name))),
            None => chosen.push(Chosen {
                image,
                names: name.into_iter().collect(),
            }),
        }
    }
    let mut stream;
    let destination = match &arguments.output {
        Some(path) if path.as_os_str() != "-" => Destination::Path(path.clone()),
        _ => {
            if std::io::stdout().is_terminal() {
                return Err(Usage::new("standard output is a terminal: name a file with `-o`").into());
            }
            stream = outputs::raw_stdout();
            Destination::Stream(&mut stream)
        }
    };
    let form = match arguments.format {
        SaveFormat::Docker => ArchiveForm::Docker,
        SaveFormat::Oci => ArchiveForm::Oci,
    };
    let registries = network::usual()?;
    let cancelled = || cancel.is_cancelled();
    let compression = Compression::GZIP;
    images::save(&store, &chosen, form, compression, destination, &registries, &cancelled)
        .map_err(|error| told(&error, cancel))?;
    Ok(Exit::Done)
}

pub(super) fn load(arguments: &LoadArguments, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    let platform = platform(arguments.platform.as_deref())?;
    let machine = Machine::enter(arguments.store.root.as_deref())?;
    let _signals = machine::cancel_on_signals(cancel)?;
    let store = machine.store()?;
    let mut stdin = std::io::stdin();
    let from = match &arguments.input {
        Some(path) if path.as_os_str() != "-" => Incoming::Path(path),
        _ if stdin.is_terminal() => {
            return Err(Usage::new("standard input is a terminal: name a file with `-i`").into());
        }
        _ => Incoming::Stream(&mut stdin),
    };
    let all = arguments.platform.is_none();
    let loaded =
        images::load(&store, from, &platform, all, &|| cancel.is_cancelled()).map_err(|error| told(&error, cancel))?;
    if arguments.quiet {
        return Ok(Exit::Done);
    }
    for image in loaded {
        if image.names.is_empty() {
            print(&format!("Loaded image ID: {}", image.id))?;
        }
        for name in image.names {
            print(&format!("Loaded image: {}", name.familiar()))?;
        }
    }
    Ok(Exit::Done)
}

pub(super) fn platform(given: Option<&str>) -> Result<Platform, Usage> {
    let host = Platform::host();
    match given {
        None => Ok(host),
        Some(text) => Platform::parse(text, &host).map_err(|error| Usage::new(error.to_string())),
    }
}

fn told(error: &ImagesError, cancel: &Cancel) -> Failure {
    if cancel.is_cancelled() {
        return Failure {
            text: "interrupted".to_owned(),
            exit: Exit::Interrupted,
        };
    }
    let mut failure = failed(error);
    if matches!(error, ImagesError::Registry(error) if matches!(error.root(), RegistryError::Denied { .. })) {
        failure
            .text
            .push_str("\nhelp: a private image needs a login: `docker login`, `podman login`, or `REGISTRY_AUTH_FILE`");
    }
    failure
}
