//! apk's database: `lib/apk/db/installed`.

use super::license::License;
use super::os_release::OsRelease;
use super::package::{Ecosystem, Package};
use super::purl::purl;

/// Its packages: paragraphs of `X:value` lines.
pub(super) fn read(text: &str, os: Option<&OsRelease>) -> Vec<Package> {
    text.split("\n\n").filter_map(|block| package(block, os)).collect()
}

fn package(block: &str, os: Option<&OsRelease>) -> Option<Package> {
    // Fields of the package come before those of its files, which use other letters.
    let field = |letter: char| {
        block.lines().find_map(|line| {
            let value = line.strip_prefix(letter)?.strip_prefix(':')?;
            Some(value.trim())
        })
    };
    let (name, version) = (field('P')?, field('V')?);
    let architecture = field('A');
    let namespace = os.map_or("alpine", |os| &os.id);
    let distro = os.map(OsRelease::distro).unwrap_or_default();
    let qualifiers = [("arch", architecture.unwrap_or_default()), ("distro", &distro)];
    let url = purl("apk", namespace, &name.to_lowercase(), version, &qualifiers);
    let mut package = Package::new(Ecosystem::Apk, name, version, url);
    package.architecture = architecture.map(str::to_owned);
    package.source = field('o')
        .filter(|origin| *origin != name)
        .map(|origin| (origin.to_owned(), version.to_owned()));
    package.supplier = field('m').map(str::to_owned);
    package.licenses.extend(field('L').and_then(License::read));
    Some(package)
}
