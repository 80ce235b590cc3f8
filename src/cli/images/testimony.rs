//! `varve inspect --sbom` and `--provenance`: what an image says of itself.

use super::arguments::InspectArguments;
use super::transfer::platform;
use super::{each, failed};
use crate::attest::{About, Predicate};
use crate::cli::build::split_selector;
use crate::cli::failure::{Exit, Failure, Usage};
use crate::cli::machine::{self, Machine};
use crate::cli::{network, print};
use crate::http::Client;
use crate::images::{self, ImagesError};
use crate::oci::{Layout, Platform, Reference, Selector};
use crate::registry::Registries;
use crate::schedule::Cancel;
use crate::store::Store;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(arguments: &InspectArguments, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    let about = match arguments.sbom {
        true => About::Bill,
        false => About::Provenance,
    };
    let wanted = match arguments.format.as_deref() {
        None | Some("" | "json") => None,
        Some("spdx") if arguments.sbom => Some("https://spdx.dev/Document"),
        Some("cyclonedx") if arguments.sbom => Some("https://cyclonedx.org/bom"),
        Some(other) => {
            let known = if arguments.sbom {
                "json, spdx or cyclonedx"
            } else {
                "json"
            };
            return Err(Usage::new(format!("`--format {other}`: want {known}")).into());
        }
    };
    let platform = platform(arguments.platform.as_deref())?;
    let _signals = machine::cancel_on_signals(cancel)?;
    let store = Machine::store_alone(arguments.store.root.as_deref())?;
    let (http, registries) = network::servers(&arguments.servers)?;
    let client = Client::new(http);
    let stopped = client.clone();
    let _stops = cancel.on_cancel(move || stopped.stop());
    let registries = Registries::new(client, registries);
    each(&arguments.images, |name| {
        let said = said(&store, &registries, name, about, &platform).map_err(|error| failed(&error))?;
        let what = match about {
            About::Bill => "no bill of materials",
            About::Provenance => "no provenance",
        };
        if said.is_empty() {
            return Err(none(format!("`{name}` has {what}")));
        }
        let chosen = said.iter().find(|it| wanted.is_none_or(|wanted| it.kind == wanted));
        let Some(chosen) = chosen else {
            let kinds: Vec<&str> = said.iter().map(|it| it.kind.as_str()).collect();
            let text = format!("`{name}` has one in another form: {}", kinds.join(", "));
            return Err(none(text));
        };
        print(&serde_json::to_string_pretty(&chosen.body).unwrap_or_default())
    })
}

fn none(text: String) -> Failure {
    Failure {
        exit: Exit::Failed,
        ..Failure::machine(text)
    }
}

/// From a layout when one is named, else from the store, else from the registry.
fn said(
    store: &Store,
    registries: &Registries,
    name: &str,
    about: About,
    platform: &Platform,
) -> Result<Vec<Predicate>, ImagesError> {
    if let Some(layout) = name.strip_prefix("oci-layout://") {
        let (path, selector) = split_selector(layout);
        let selector = selector.map(|text| match text.parse() {
            Ok(digest) => Selector::Digest(digest),
            Err(_) => Selector::Tag(text.to_owned()),
        });
        let layout = Layout::open(Path::new(path))?;
        return images::layout_testimony(layout, selector.as_ref(), about, platform);
    }
    let kept = images::kept_testimony(store, name, about);
    match (kept, name.parse::<Reference>()) {
        (Ok(said), _) if !said.is_empty() => Ok(said),
        // Of an image that was pulled the registry knows more than the store.
        (Ok(_), Ok(name)) => match images::find(store, &name.to_string()).and_then(|it| it.origin(store)) {
            Ok(Some(origin)) => images::far_testimony(registries, &origin, about, platform),
            _ => Ok(Vec::new()),
        },
        (Err(ImagesError::NotFound(_)), Ok(name)) => images::far_testimony(registries, &name, about, platform),
        (kept, _) => kept,
    }
}
