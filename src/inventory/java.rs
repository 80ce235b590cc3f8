//! Java archives: Maven's properties inside of them, else their manifest or their name.

use super::files::Reader;
use super::license::License;
use super::package::{Ecosystem, Package};
use super::purl::purl;
use super::zip::{self, Member};
use std::collections::BTreeMap;

/// Largest text that is read of an archive, in bytes.
const LARGEST_TEXT: u64 = 1 << 20;
/// Largest archive inside of an archive.
const LARGEST_INNER: u64 = 128 << 20;
/// Most properties and inner archives that are read of one archive.
const MOST: usize = 4096;

/// Whether a file's name is that of an archive.
pub(super) fn is_archive(path: &str) -> bool {
    [".jar", ".war", ".ear"].iter().any(|end| path.ends_with(end))
}

/// The packages in an archive, and in archives directly inside of it; `None` when it is no zip.
pub(super) fn read(name: &str, file: &Reader<'_>) -> Option<Vec<Package>> {
    let members = zip::members(file)?;
    let mut packages = own(name, file, &members);
    let inner = members.iter().filter(|member| is_archive(&member.name)).take(MOST);
    for member in inner {
        let Some(bytes) = zip::content(file, member, LARGEST_INNER) else {
            continue;
        };
        let size = bytes.len() as u64;
        let inner = Reader::new(Box::new(bytes), size, file.budget());
        if let Some(members) = zip::members(&inner) {
            packages.extend(own(&member.name, &inner, &members));
        }
    }
    Some(packages)
}

fn own(name: &str, file: &Reader<'_>, members: &[Member]) -> Vec<Package> {
    let is_maven =
        |member: &&Member| member.name.starts_with("META-INF/maven/") && member.name.ends_with("/pom.properties");
    let text = |member| {
        let bytes = zip::content(file, member, LARGEST_TEXT)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let maven = members.iter().filter(is_maven).take(MOST);
    let mut packages: Vec<Package> = maven.filter_map(|member| maven_package(&text(member)?)).collect();
    let manifest = members.iter().find(|member| member.name == "META-INF/MANIFEST.MF");
    let manifest = manifest
        .and_then(text)
        .map(|text| manifest_fields(&text))
        .unwrap_or_default();
    let license = manifest.get("Bundle-License").and_then(|it| License::read(it));
    if packages.is_empty() {
        packages.extend(manifest_package(name, &manifest));
    }
    if let [package] = packages.as_mut_slice() {
        package.licenses.extend(license);
    }
    packages
}

fn maven_package(text: &str) -> Option<Package> {
    let fields: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| !line.starts_with(['#', '!']))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    Some(package(
        fields.get("groupId")?,
        fields.get("artifactId")?,
        fields.get("version")?,
    ))
}

/// By the manifest, with what the file's name tells where it is silent; nothing when nobody tells a version.
fn manifest_package(file: &str, fields: &BTreeMap<String, String>) -> Option<Package> {
    let file = file.rsplit('/').next()?;
    let stem = file.rsplit_once('.')?.0;
    let split = stem.match_indices('-').find(|(at, _)| {
        let rest = &stem[at + 1..];
        rest.starts_with(|c: char| c.is_ascii_digit())
    });
    let (name, version) = split.map_or((stem, None), |(at, _)| (&stem[..at], Some(&stem[at + 1..])));
    let field = |key: &str| fields.get(key).map(String::as_str).filter(|it| !it.is_empty());
    let version = version
        .or_else(|| field("Implementation-Version"))
        .or_else(|| field("Bundle-Version"))?;
    let bundle = field("Bundle-SymbolicName").and_then(|it| it.split(';').next());
    let group = field("Implementation-Vendor-Id")
        .or_else(|| bundle.filter(|it| it.contains('.')))
        .or_else(|| field("Automatic-Module-Name"))
        .unwrap_or(name);
    (!group.contains(' ')).then(|| package(group, name, version))
}

/// The main section; lines that begin with a blank go on with the one before.
fn manifest_fields(text: &str) -> BTreeMap<String, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        match (line.strip_prefix(' '), line.split_once(": ")) {
            (Some(more), _) => {
                if let Some((_, value)) = fields.last_mut() {
                    value.push_str(more);
                }
            }
            (None, Some((key, value))) => fields.push((key.to_owned(), value.to_owned())),
            (None, None) => (),
        }
    }
    fields.into_iter().collect()
}

fn package(group: &str, name: &str, version: &str) -> Package {
    let url = purl("maven", group, name, version, &[]);
    Package::new(Ecosystem::Maven, &format!("{group}:{name}"), version, url)
}
