//! .NET: the libraries of `*.deps.json`.

use super::package::{Ecosystem, Package};
use super::purl::purl;
use serde_json::Value;

/// The packages among its libraries; projects are the program itself.
pub(super) fn read(text: &[u8]) -> Option<Vec<Package>> {
    // The file may begin with a byte order mark.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let document: Value = serde_json::from_slice(text).ok()?;
    let libraries = document.get("libraries")?.as_object()?;
    let packages = libraries.iter().filter_map(|(key, library)| {
        if library.get("type")?.as_str()? != "package" {
            return None;
        }
        let (name, version) = key.rsplit_once('/')?;
        let url = purl("nuget", "", name, version, &[]);
        Some(Package::new(Ecosystem::Nuget, name, version, url))
    });
    Some(packages.collect())
}
