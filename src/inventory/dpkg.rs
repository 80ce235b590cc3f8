//! dpkg's database: `var/lib/dpkg/status`, and `status.d/*` of images without dpkg.

use super::control::{field, paragraphs};
use super::os_release::OsRelease;
use super::package::{Ecosystem, Package};
use super::purl::purl;

/// The packages that a status file calls installed.
pub(super) fn read(text: &str, os: Option<&OsRelease>) -> Vec<Package> {
    paragraphs(text)
        .filter_map(|paragraph| {
            // Files of `status.d` have no such field: what is there is installed.
            let state = field(&paragraph, "Status").unwrap_or("install ok installed");
            if state.split_whitespace().nth(2) != Some("installed") {
                return None;
            }
            let name = field(&paragraph, "Package")?;
            let version = field(&paragraph, "Version")?;
            let architecture = field(&paragraph, "Architecture");
            let namespace = os.map_or("debian", |os| &os.id);
            let distro = os.map(OsRelease::distro).unwrap_or_default();
            let qualifiers = [("arch", architecture.unwrap_or_default()), ("distro", &distro)];
            let url = purl("deb", namespace, &name.to_lowercase(), version, &qualifiers);
            let mut package = Package::new(Ecosystem::Deb, name, version, url);
            package.architecture = architecture.map(str::to_owned);
            package.source = field(&paragraph, "Source").map(|source| match source.split_once(" (") {
                Some((name, rest)) => (name.to_owned(), rest.trim_end_matches(')').to_owned()),
                None => (source.to_owned(), version.to_owned()),
            });
            package.supplier = field(&paragraph, "Maintainer").map(str::to_owned);
            Some(package)
        })
        .collect()
}

/// Where a package's copyright file lies.
pub(super) fn copyright_of(package: &str) -> String {
    format!("usr/share/doc/{package}/copyright")
}
