//! npm: lock files of all versions, and the manifests of installed packages.

use super::license::License;
use super::package::{Ecosystem, Package};
use super::purl;
use serde_json::Value;

/// The packages of `package-lock.json` or `npm-shrinkwrap.json`; `None` when it is neither.
pub(super) fn lock(text: &[u8]) -> Option<Vec<Package>> {
    let document: Value = serde_json::from_slice(text).ok()?;
    let mut packages = Vec::new();
    // Versions 2 and 3 have a flat map by place, version 1 a tree.
    if let Some(places) = document.get("packages").and_then(Value::as_object) {
        for (place, entry) in places {
            let Some((_, folder)) = place.rsplit_once("node_modules/") else {
                continue;
            };
            if entry.get("link").and_then(Value::as_bool) == Some(true) {
                continue;
            }
            // An alias has its real name inside.
            let name = text_of(entry, "name").unwrap_or(folder);
            packages.extend(entry_of(name, entry));
        }
    } else {
        dependencies(&document, &mut packages);
    }
    Some(packages)
}

fn dependencies(document: &Value, packages: &mut Vec<Package>) {
    let entries = document.get("dependencies").and_then(Value::as_object);
    for (name, entry) in entries.into_iter().flatten() {
        packages.extend(entry_of(name, entry));
        dependencies(entry, packages);
    }
}

fn entry_of(name: &str, entry: &Value) -> Option<Package> {
    let version = text_of(entry, "version")?;
    // `npm:real@1.0.0` is an alias; `file:…` and addresses of git are no versions of the registry.
    let (name, version) = match version.strip_prefix("npm:").and_then(|it| it.rsplit_once('@')) {
        Some((name, version)) => (name, version),
        None => (name, version),
    };
    if version.contains(':') || version.contains('/') {
        return None;
    }
    let mut package = package(name, version);
    package.licenses = licenses(entry);
    Some(package)
}

/// The package of an installed `package.json`, if it has a name and a version.
pub(super) fn installed(text: &[u8]) -> Option<Package> {
    let document: Value = serde_json::from_slice(text).ok()?;
    let mut package = package(text_of(&document, "name")?, text_of(&document, "version")?);
    package.licenses = licenses(&document);
    package.supplier = match document.get("author") {
        Some(Value::String(author)) => Some(author.clone()),
        Some(author) => text_of(author, "name").map(str::to_owned),
        None => None,
    };
    Some(package)
}

/// Whether a path is that of an installed package's manifest: `…/node_modules/[@SCOPE/]NAME/package.json`.
pub(super) fn is_installed(path: &str) -> bool {
    let Some(folder) = path.strip_suffix("/package.json") else {
        return false;
    };
    let Some(at) = folder.rfind("node_modules/") else {
        return false;
    };
    let name = &folder[at + "node_modules/".len()..];
    let (first, rest) = name.split_once('/').unwrap_or((name, ""));
    match first.starts_with('@') {
        true => !rest.is_empty() && !rest.contains('/'),
        false => rest.is_empty() && !first.starts_with('.'),
    }
}

/// A package of the registry.
pub(super) fn package(name: &str, version: &str) -> Package {
    Package::new(Ecosystem::Npm, name, version, purl::npm(name, version))
}

fn text_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// What `license`, and the older `licenses`, say.
fn licenses(value: &Value) -> Vec<License> {
    let of = |value: &Value| {
        let stated = value.as_str().or_else(|| text_of(value, "type"))?;
        License::read(stated)
    };
    let several = value.get("licenses").and_then(Value::as_array);
    let stated = value.get("license").into_iter().chain(several.into_iter().flatten());
    stated.filter_map(of).collect()
}
