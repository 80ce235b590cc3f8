//! `pnpm-lock.yaml`: the keys of `packages`, as pnpm itself writes them.

use super::npm::package;
use super::package::Package;

/// Its packages.
pub(super) fn read(text: &str) -> Vec<Package> {
    let mut inside = false;
    let mut packages = Vec::new();
    for line in text.lines() {
        if !line.starts_with([' ', '#']) && !line.trim().is_empty() {
            inside = line.trim_end() == "packages:";
            continue;
        }
        let key = line.strip_prefix("  ").filter(|key| inside && !key.starts_with(' '));
        if let Some((name, version)) = key.and_then(identity) {
            packages.push(package(name, version));
        }
    }
    packages
}

/// Name and version in `/@scope/name@1.0.0(peer@2)`, `name@1.0.0`, or the older `/name/1.0.0_peer@2`.
fn identity(key: &str) -> Option<(&str, &str)> {
    let key = key.split(':').next()?.trim().trim_matches('\'');
    let (older, key) = match key.strip_prefix('/') {
        Some(key) => (true, key),
        None => (false, key),
    };
    let key = key.split('(').next()?;
    let scope = if key.starts_with('@') { key.find('/')? + 1 } else { 0 };
    let slash = key[scope..].find('/').map(|at| at + scope);
    let (name, version) = match (older, slash) {
        (true, Some(slash)) => {
            let version = &key[slash + 1..];
            (&key[..slash], version.split('_').next()?)
        }
        _ => {
            let at = key[scope..].find('@')? + scope;
            (&key[..at], &key[at + 1..])
        }
    };
    // What comes from elsewhere than the registry has an address here.
    version
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some((name, version))
}
