//! Rust: `Cargo.lock`, and what cargo-auditable left in a program.

use super::package::{Ecosystem, Package};
use super::purl::purl;
use serde::Deserialize;
use std::io::Read as _;
use toml::de::{DeTable, DeValue};

/// The section in which cargo-auditable keeps its list.
pub(super) const SECTION: &str = ".dep-v0";
/// Largest list, unpacked, in bytes.
const LARGEST_LIST: u64 = 16 << 20;

/// The packages of a `Cargo.lock` that come from somewhere; those without a source are the project's own.
pub(super) fn lock(text: &str) -> Option<Vec<Package>> {
    let packages = locked(text)?;
    let foreign = packages.into_iter().filter(|it| it.source.is_some());
    Some(
        foreign
            .map(|it| package(&it.name, &it.version, it.source.as_deref()))
            .collect(),
    )
}

/// A `[[package]]` of a lock file in TOML.
pub(super) struct Locked {
    pub(super) name: String,
    pub(super) version: String,
    /// Where it comes from, if that is a text.
    pub(super) source: Option<String>,
    /// It lies in the project itself.
    pub(super) local: bool,
}

/// The `[[package]]` tables of a lock file; `None` when it is no TOML.
pub(super) fn locked(text: &str) -> Option<Vec<Locked>> {
    let table = DeTable::parse(text).ok()?;
    let table = table.get_ref();
    let Some(DeValue::Array(packages)) = table.get("package").map(|it| it.get_ref()) else {
        return Some(Vec::new());
    };
    let text = |table: &DeTable<'_>, key: &str| match table.get(key)?.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    };
    let package = |value: &DeValue<'_>| {
        let DeValue::Table(table) = value else { return None };
        let local = match table.get("source").map(|it| it.get_ref()) {
            Some(DeValue::Table(source)) => ["virtual", "editable", "directory", "path"]
                .iter()
                .any(|kind| source.contains_key(*kind)),
            _ => false,
        };
        Some(Locked {
            name: text(table, "name")?,
            version: text(table, "version")?,
            source: text(table, "source"),
            local,
        })
    };
    Some(packages.iter().filter_map(|it| package(it.get_ref())).collect())
}

/// The list in a program's section: JSON, packed with zlib.
pub(super) fn audited(section: &[u8]) -> Option<Vec<Package>> {
    #[derive(Deserialize)]
    struct List {
        packages: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        name: String,
        version: String,
        #[serde(default)]
        source: String,
        #[serde(default)]
        kind: String,
    }
    let mut json = Vec::new();
    let mut unpacked = flate2::read::ZlibDecoder::new(section).take(LARGEST_LIST + 1);
    unpacked.read_to_end(&mut json).ok()?;
    if json.len() as u64 > LARGEST_LIST {
        return None;
    }
    let list: List = serde_json::from_slice(&json).ok()?;
    // What only built it is not in it.
    let inside = list.packages.into_iter().filter(|it| it.kind != "build");
    Some(
        inside
            .map(|it| package(&it.name, &it.version, Some(&it.source)))
            .collect(),
    )
}

fn package(name: &str, version: &str, source: Option<&str>) -> Package {
    let git = source.filter(|source| source.starts_with("git+")).unwrap_or_default();
    let url = purl("cargo", "", name, version, &[("vcs_url", git)]);
    Package::new(Ecosystem::Cargo, name, version, url)
}
