//! `varve images`: what is in the store.

use super::arguments::ImagesArguments;
use super::failed;
use super::filter::Filter;
use super::table::{Column, show};
use super::words::{ago, moment, size};
use crate::cli::failure::{Exit, Failure};
use crate::cli::machine::Machine;
use crate::cli::print;
use crate::images::{self, StoredImage};
use crate::oci::Reference;
use crate::store::{Store, StoreError, now};
use serde_json::{Value, json};

const HEADINGS: [Column; 10] = [
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
    ("Containers", "CONTAINERS"),
];

/// What stands where there is no name.
const NONE: &str = "<none>";

pub(super) fn run(arguments: &ImagesArguments) -> Result<Exit, Failure> {
    let store = Machine::store_alone(arguments.store.root.as_deref())?;
    let filter = Filter::for_list(&store, &arguments.filters, arguments.name.as_deref())?;
    let images = images::all(&store).map_err(|error| failed(&error))?;
    let mut rows = Vec::new();
    // The newest first, as everybody's `images` does.
    let shown = |image: &&StoredImage| filter.takes(image) && (image.is_dangling() || !image.names.is_empty());
    for image in images.iter().filter(shown) {
        rows.extend(image_rows(&store, image, &filter, arguments.no_trunc)?);
    }
    if arguments.quiet {
        rows.dedup_by(|a, b| a["ID"] == b["ID"]);
        for row in rows {
            print(row["ID"].as_str().unwrap_or_default())?;
        }
        return Ok(Exit::Done);
    }
    let columns: &[&str] = match arguments.digests {
        true => &["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"],
        false => &["Repository", "Tag", "ID", "CreatedSince", "Size"],
    };
    show(rows, arguments.format.as_deref(), columns, &HEADINGS)
}

/// A row for each name, or one for an image without.
fn image_rows(store: &Store, image: &StoredImage, filter: &Filter, whole_id: bool) -> Result<Vec<Value>, Failure> {
    let origin = image.origin(store).map_err(|error| failed(&error))?;
    let id = match whole_id {
        true => image.id().to_string(),
        false => image.id().hex()[..12].to_owned(),
    };
    let row = |repository: String, tag: &str, digest: String| {
        json!({
            "Repository": repository,
            "Tag": tag,
            "Digest": digest,
            "ID": id,
            "CreatedSince": ago(image.record.created, now()),
            "CreatedAt": moment(image.record.created),
            "Size": size(image.record.size),
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
            "Containers": "N/A",
        })
    };
    let names: Vec<Reference> = image.names.iter().filter_map(|name| name.parse().ok()).collect();
    if names.is_empty() {
        return Ok(match filter.takes_name(None) {
            true => vec![row(NONE.to_owned(), NONE, NONE.to_owned())],
            false => Vec::new(),
        });
    }
    let mut rows: Vec<Value> = names
        .iter()
        .filter(|name| filter.takes_name(Some(name)))
        .map(|name| {
            let from_here = origin
                .as_ref()
                .filter(|it| (it.registry(), it.repository()) == (name.registry(), name.repository()));
            let top = store.top_of(&name.to_string())?.map(|top| top.digest);
            let digest = name.digest().or(top.as_ref()).or(from_here.and_then(|it| it.digest()));
            let digest = digest.map_or_else(|| NONE.to_owned(), ToString::to_string);
            Ok(row(repository(name), name.tag().unwrap_or(NONE), digest))
        })
        .collect::<Result<_, StoreError>>()
        .map_err(|error| failed(&error))?;
    let key = |row: &Value| ["Repository", "Tag"].map(|field| row[field].as_str().unwrap_or_default().to_owned());
    rows.sort_by_cached_key(key);
    Ok(rows)
}

/// A name without tag and digest, as users write it.
fn repository(name: &Reference) -> String {
    let whole = format!("{}/{}", name.registry(), name.repository());
    whole.parse::<Reference>().map_or(whole, |it| it.familiar())
}
