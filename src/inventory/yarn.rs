//! `yarn.lock`, of the first version and of the later ones that are YAML: blocks below a line without indentation.

use super::npm::package;
use super::package::Package;

/// Its packages.
pub(super) fn read(text: &str) -> Vec<Package> {
    let mut packages = Vec::new();
    let mut name: Option<&str> = None;
    for line in text.lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if !line.starts_with(' ') {
            name = line.strip_suffix(':').and_then(name_of);
            continue;
        }
        let (Some(known), Some(value)) = (name, line.strip_prefix("  version")) else {
            continue;
        };
        let version = value.trim_start_matches(':').trim().trim_matches('"');
        // `0.0.0-use.local` is the project itself.
        if !version.is_empty() && version != "0.0.0-use.local" {
            packages.push(package(known, version));
        }
        name = None;
    }
    packages
}

/// The real name in `"a@^1.0.0", a@^1.1.0` or `"alias@npm:real@^2.0"`.
fn name_of(key: &str) -> Option<&str> {
    let first = key.split(", ").next()?.trim().trim_matches('"');
    // The first `@` of a scoped name is part of it.
    let at = first.get(1..)?.find('@')? + 1;
    let (name, range) = (&first[..at], &first[at + 1..]);
    let alias = range.strip_prefix("npm:").and_then(|real| {
        let at = real.get(1..)?.find('@')? + 1;
        Some(&real[..at])
    });
    let local = ["workspace:", "link:", "file:", "portal:"]
        .iter()
        .any(|scheme| range.starts_with(scheme));
    (!local).then(|| alias.unwrap_or(name))
}
