//! PHP: `composer.lock`, and composer's list of what it installed.

use super::license::License;
use super::package::{Ecosystem, Package};
use super::purl;
use serde_json::Value;

/// The packages of a lock file or of `vendor/composer/installed.json`; the latter may be a bare list.
pub(super) fn read(text: &[u8]) -> Option<Vec<Package>> {
    let document: Value = serde_json::from_slice(text).ok()?;
    let lists = match &document {
        Value::Array(list) => vec![list],
        _ => ["packages", "packages-dev"]
            .iter()
            .filter_map(|key| document.get(key)?.as_array())
            .collect(),
    };
    Some(lists.into_iter().flatten().filter_map(package).collect())
}

fn package(entry: &Value) -> Option<Package> {
    let name = entry.get("name")?.as_str()?;
    let version = entry.get("version")?.as_str()?;
    let mut package = Package::new(Ecosystem::Composer, name, version, purl::composer(name, version));
    let licenses = entry.get("license").and_then(Value::as_array);
    let licenses = licenses.into_iter().flatten().filter_map(Value::as_str);
    package.licenses.extend(licenses.take(8).filter_map(License::read));
    Some(package)
}
