//! Ruby: `Gemfile.lock`, and specifications of installed gems.

use super::license::License;
use super::package::{Ecosystem, Package};
use super::purl::purl;

/// The gems of a `Gemfile.lock` that come from a server: those below `specs:` of a section `GEM`.
pub(super) fn lock(text: &str) -> Vec<Package> {
    let mut inside = false;
    let mut packages = Vec::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            inside = line.trim_end() == "GEM";
        }
        // Deeper lines are what a gem needs.
        let Some(gem) = line.strip_prefix("    ").filter(|gem| inside && !gem.starts_with(' ')) else {
            continue;
        };
        if let Some((name, version)) = gem.trim_end().strip_suffix(')').and_then(|gem| gem.split_once(" (")) {
            packages.push(package(name, version));
        }
    }
    packages
}

/// Whether a path is that of an installed gem's specification.
pub(super) fn is_specification(path: &str) -> bool {
    path.ends_with(".gemspec") && (path.contains("/specifications/") || path.starts_with("specifications/"))
}

/// The gem of an installed specification, which RubyGems writes with a line `# stub: NAME VERSION PLATFORM PATHS`.
pub(super) fn specification(text: &str) -> Option<Package> {
    let stub = text.lines().find_map(|line| line.strip_prefix("# stub: "))?;
    let mut words = stub.split(' ');
    let (name, version, platform) = (words.next()?, words.next()?, words.next()?);
    let version = match platform {
        "ruby" => version.to_owned(),
        platform => format!("{version}-{platform}"),
    };
    let mut package = package(name, &version);
    let value = |line: &str, key: &str| {
        let (left, right) = line.split_once('=')?;
        left.trim().strip_prefix("s.").filter(|it| *it == key)?;
        Some(right.to_owned())
    };
    let stated = text
        .lines()
        .find_map(|line| value(line, "licenses").or_else(|| value(line, "license")));
    // `["MIT".freeze, "Ruby".freeze]`
    let quoted = stated.iter().flat_map(|it| it.split('"').skip(1).step_by(2));
    package.licenses.extend(quoted.take(8).filter_map(License::read));
    Some(package)
}

/// A version may end in a platform: `1.16.0-x86_64-linux`.
fn package(name: &str, version: &str) -> Package {
    let (number, platform) = version.split_once('-').unwrap_or((version, ""));
    let url = purl("gem", "", name, number, &[("platform", platform)]);
    Package::new(Ecosystem::Gem, name, number, url)
}
