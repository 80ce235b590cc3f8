//! Python: metadata of installed distributions, and lock files.

use super::control::{field, paragraphs};
use super::license::License;
use super::package::{Ecosystem, Package};
use super::{purl, rust};
use serde_json::Value;

/// Whether a path is that of an installed distribution's metadata.
pub(super) fn is_metadata(path: &str) -> bool {
    path.ends_with(".dist-info/METADATA") || path.ends_with(".egg-info/PKG-INFO") || path.ends_with(".egg-info")
}

/// The distribution that its metadata tells of.
pub(super) fn metadata(text: &str) -> Option<Package> {
    // The long description follows the first empty line.
    let head = paragraphs(text).next()?;
    let mut package = package(field(&head, "Name")?, field(&head, "Version")?);
    let stated = field(&head, "License-Expression").or_else(|| field(&head, "License"));
    package.licenses.extend(stated.and_then(License::read));
    if package.licenses.is_empty() {
        let classifiers = head.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Classifier"));
        let of = |value: &String| {
            let (kind, name) = value.rsplit_once(" :: ")?;
            kind.starts_with("License")
                .then(|| License::read(name.trim_end_matches(" License")))?
        };
        package
            .licenses
            .extend(classifiers.filter_map(|(_, value)| of(value)).take(8));
    }
    let supplier = field(&head, "Author").or_else(|| field(&head, "Author-email"));
    package.supplier = supplier
        .filter(|it| !it.is_empty() && it.len() < 256)
        .map(str::to_owned);
    Some(package)
}

/// The lines of a `requirements.txt` that pin a version.
pub(super) fn requirements(text: &str) -> Vec<Package> {
    let pinned = text.lines().filter_map(|line| {
        let line = line.split(" #").next()?.split(';').next()?;
        let line = line.split(" --").next()?.trim().trim_end_matches('\\').trim();
        if line.starts_with(['#', '-']) {
            return None;
        }
        let (name, version) = line.split_once("==")?;
        let version = version.trim_start_matches('=').trim();
        let name = name.split('[').next()?.trim();
        let one = !version.contains(['*', ',', ' ']) && !name.contains([' ', '<', '>', '!', '~', '/']);
        one.then(|| package(name, version))
    });
    pinned.collect()
}

/// The packages of `poetry.lock` or `uv.lock`, which have the same tables.
pub(super) fn lock(text: &str) -> Option<Vec<Package>> {
    let packages = rust::locked(text)?.into_iter().filter(|it| !it.local);
    Some(packages.map(|it| package(&it.name, &it.version)).collect())
}

/// The packages of a `Pipfile.lock`.
pub(super) fn pipfile(text: &[u8]) -> Option<Vec<Package>> {
    let document: Value = serde_json::from_slice(text).ok()?;
    let groups = ["default", "develop"]
        .iter()
        .filter_map(|group| document.get(group)?.as_object());
    let packages = groups.flatten().filter_map(|(name, entry)| {
        let version = entry.get("version")?.as_str()?.strip_prefix("==")?;
        Some(package(name, version))
    });
    Some(packages.collect())
}

fn package(name: &str, version: &str) -> Package {
    Package::new(Ecosystem::Pypi, name, version, purl::pypi(name, version))
}
