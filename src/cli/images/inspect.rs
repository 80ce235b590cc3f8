//! `varve inspect`: all that is known of images, in the form of `docker image inspect`.

use super::arguments::InspectArguments;
use super::table::wrong;
use super::words::document_time;
use super::{each, failed};
use crate::cli::failure::{Exit, Failure};
use crate::cli::machine::Machine;
use crate::cli::template::{Template, json as one_line};
use crate::cli::{network, note, print, print_text};
use crate::http::Client;
use crate::images::{self, StoredImage};
use crate::oci::{Descriptor, media};
use crate::registry::Registries;
use crate::store::Store;
use serde_json::{Value, json};

pub(super) fn run(arguments: &InspectArguments) -> Result<Exit, Failure> {
    let template = match arguments.format.as_deref() {
        None | Some("") => None,
        Some("json") => Some(None),
        Some(format) => Some(Some(Template::parse(format).map_err(|error| wrong(&error))?)),
    };
    if arguments.raw {
        return raw(arguments);
    }
    let store = Machine::store_alone(arguments.store.root.as_deref())?;
    let mut exit = Exit::Done;
    let mut all = Vec::new();
    for name in &arguments.images {
        match images::find(&store, name).and_then(|image| told(&store, &image)) {
            Ok(value) => all.push(value),
            Err(error) => {
                let failure = failed(&error);
                note(&failure.text);
                exit = failure.exit;
            }
        }
    }
    match template {
        None => {
            let text = serde_json::to_string_pretty(&all).unwrap_or_default();
            print(&text)?;
        }
        Some(None) => print(&one_line(&Value::Array(all)))?,
        Some(Some(template)) => {
            for value in &all {
                print(&template.fill(value).map_err(|error| wrong(&error))?)?;
            }
        }
    }
    Ok(exit)
}

/// Prints documents as they are.
fn raw(arguments: &InspectArguments) -> Result<Exit, Failure> {
    let (http, settings) = network::servers(&arguments.servers)?;
    let machine = Machine::enter(arguments.store.root.as_deref())?;
    let store = machine.store()?;
    let registries = Registries::new(Client::new(http), settings);
    each(&arguments.images, |name| {
        let bytes = images::raw(&store, &registries, name).map_err(|error| failed(&error))?;
        print_text(&String::from_utf8_lossy(&bytes)).map_err(|_| Failure::silent(Exit::Failed))
    })
}

fn told(store: &Store, image: &StoredImage) -> Result<Value, images::ImagesError> {
    let config = &image.config;
    let digests: Vec<String> = image.origin(store)?.iter().map(|it| it.familiar()).collect();
    let manifest = image.manifest(store)?;
    let descriptor = manifest.as_ref().map(|(manifest, bytes)| {
        let media_type = match manifest.media_type.as_str() {
            "" => media::OCI_MANIFEST,
            known => known,
        };
        Descriptor::of(media_type, bytes)
    });
    let mut value = json!({
        "Id": image.id(),
        "RepoTags": image.familiar().into_iter().filter(|it| !it.contains('@')).collect::<Vec<_>>(),
        "RepoDigests": digests,
        "Comment": config.history.last().map(|it| it.comment.as_str()).unwrap_or_default(),
        "Created": config.created.clone().unwrap_or_else(|| document_time(image.record.created)),
        "Author": config.author,
        "Config": config.config,
        "Architecture": config.architecture,
        "Os": config.os,
        "Size": image.record.size,
        "RootFS": {"Type": "layers", "Layers": config.rootfs.diff_ids},
        "Annotations": manifest.as_ref().map(|(manifest, _)| &manifest.annotations),
        "Descriptor": descriptor,
    });
    // Templates ask for these whether they are set or not, and get nothing rather than an error.
    for (field, empty) in [
        ("User", json!("")),
        ("ExposedPorts", Value::Null),
        ("Env", Value::Null),
        ("Entrypoint", Value::Null),
        ("Cmd", Value::Null),
        ("Volumes", Value::Null),
        ("WorkingDir", json!("")),
        ("OnBuild", Value::Null),
        ("Labels", Value::Null),
    ] {
        if let Some(settings) = value["Config"].as_object_mut() {
            settings.entry(field).or_insert(empty);
        }
    }
    for (field, text) in [("Variant", &config.variant), ("OsVersion", &config.os_version)] {
        if !text.is_empty() {
            value[field] = json!(text);
        }
    }
    Ok(value)
}
