//! rpm's databases: SQLite, ndb and Berkeley DB, which hold the same header blobs.

mod berkeley;
mod header;
mod ndb;
mod sqlite;

use super::files::Reader;
use super::license::License;
use super::os_release::OsRelease;
use super::package::{Ecosystem, Package};
use super::purl::purl;
use header::Header;

#[cfg(test)]
pub(super) use header::tests::blob as header_blob;

/// Most headers that are read from one database.
const MOST_HEADERS: usize = 50_000;
/// Largest header, in bytes; those of packages with 100,000 files have a third of it.
const LARGEST_HEADER: u64 = 32 << 20;

/// Folders in which a database may lie.
pub(super) const FOLDERS: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

/// How a database is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Sqlite,
    Ndb,
    Berkeley,
}

/// By the name of its file.
pub(super) fn form_of(name: &str) -> Option<Form> {
    match name {
        "rpmdb.sqlite" => Some(Form::Sqlite),
        "Packages.db" => Some(Form::Ndb),
        "Packages" => Some(Form::Berkeley),
        _ => None,
    }
}

/// Its packages; `None` when it is damaged.
pub(super) fn read(form: Form, file: &Reader<'_>, os: Option<&OsRelease>) -> Option<Vec<Package>> {
    let mut packages = Vec::new();
    let mut take = |blob: &[u8]| {
        packages.extend(Header::read(blob).and_then(|header| package(&header, os)));
        packages.len() < MOST_HEADERS
    };
    match form {
        Form::Sqlite => sqlite::each(file, &mut take)?,
        Form::Ndb => ndb::each(file, &mut take)?,
        Form::Berkeley => berkeley::each(file, &mut take)?,
    }
    Some(packages)
}

/// Tags of a header, as rpm numbers them.
mod tag {
    pub(super) const NAME: u32 = 1000;
    pub(super) const VERSION: u32 = 1001;
    pub(super) const RELEASE: u32 = 1002;
    pub(super) const EPOCH: u32 = 1003;
    pub(super) const VENDOR: u32 = 1011;
    pub(super) const LICENSE: u32 = 1014;
    pub(super) const ARCH: u32 = 1022;
    pub(super) const SOURCE_RPM: u32 = 1044;
}

fn package(header: &Header<'_>, os: Option<&OsRelease>) -> Option<Package> {
    let name = header.text(tag::NAME)?;
    // Keys of signatures are kept as packages that are none.
    if name == "gpg-pubkey" {
        return None;
    }
    let version = format!("{}-{}", header.text(tag::VERSION)?, header.text(tag::RELEASE)?);
    let epoch = header.number(tag::EPOCH).map(|epoch| epoch.to_string());
    let architecture = header.text(tag::ARCH).filter(|it| it != "(none)");
    let namespace = os.map_or("", |os| &os.id);
    let distro = os.map(OsRelease::distro).unwrap_or_default();
    let qualifiers = [
        ("arch", architecture.as_deref().unwrap_or_default()),
        ("distro", &distro),
        ("epoch", epoch.as_deref().unwrap_or_default()),
    ];
    let url = purl("rpm", namespace, &name, &version, &qualifiers);
    let full = match &epoch {
        Some(epoch) => format!("{epoch}:{version}"),
        None => version,
    };
    let mut package = Package::new(Ecosystem::Rpm, &name, &full, url);
    package.source = header.text(tag::SOURCE_RPM).and_then(|file| source(&file));
    package.architecture = architecture;
    package.supplier = header.text(tag::VENDOR);
    let license = header.text(tag::LICENSE);
    package.licenses.extend(license.as_deref().and_then(License::read));
    Some(package)
}

/// Name and version in the name of a source package: `bash-5.2.26-3.fc40.src.rpm`.
fn source(file: &str) -> Option<(String, String)> {
    let stem = file.strip_suffix(".rpm")?;
    let (stem, _) = stem.rsplit_once('.')?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some((name.to_owned(), format!("{version}-{release}")))
}
