//! Go: `go.mod`, `go.sum`, and the modules that a program names.

use super::elf::Elf;
use super::package::{Ecosystem, Package};
use super::purl;
use std::collections::BTreeMap;

/// The section that Go's linker writes.
pub(super) const SECTION: &str = ".go.buildinfo";
const MAGIC: &[u8; 14] = b"\xff Go buildinf:";
/// Longest text about modules, in bytes.
const LONGEST_TEXT: u64 = 8 << 20;

/// The modules that a `go.mod` requires, as it replaces them.
pub(super) fn module(text: &str) -> Vec<Package> {
    let mut required: Vec<(String, String)> = Vec::new();
    let mut replaced: BTreeMap<String, (String, Option<String>)> = BTreeMap::new();
    let mut block = String::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let words: Vec<String> = line
            .split_whitespace()
            .map(|word| word.trim_matches('"').to_owned())
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let words = match (block.as_str(), words.as_slice()) {
            (_, []) => continue,
            (_, [")"]) => {
                block.clear();
                continue;
            }
            ("", [verb, "("]) => {
                block = (*verb).to_owned();
                continue;
            }
            ("", words) => words.to_vec(),
            (verb, words) => [&[verb], words].concat(),
        };
        match words.as_slice() {
            ["require", path, version] => required.push(((*path).to_owned(), (*version).to_owned())),
            ["replace", path, "=>", new, rest @ ..] | ["replace", path, _, "=>", new, rest @ ..] => {
                let version = rest.first().map(|version| (*version).to_owned());
                replaced.insert((*path).to_owned(), ((*new).to_owned(), version));
            }
            _ => (),
        }
    }
    let real = |(path, version): (String, String)| match replaced.get(&path) {
        Some((path, Some(version))) => Some(package(path, version)),
        // A folder is the project's own.
        Some((_, None)) => None,
        None => Some(package(&path, &version)),
    };
    required.into_iter().filter_map(real).collect()
}

/// The modules of a `go.sum` whose sources were wanted, not only their `go.mod`.
pub(super) fn sum(text: &str) -> Vec<Package> {
    let modules = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (path, version, hash) = (words.next()?, words.next()?, words.next()?);
        (hash.starts_with("h1:") && !version.ends_with("/go.mod")).then(|| package(path, version))
    });
    modules.collect()
}

/// The modules that a program was made of, and Go's own library.
pub(super) fn program(elf: &Elf<'_>) -> Option<Vec<Package>> {
    let section = elf.section(SECTION, 1 << 20)?;
    // The linker may put something before it.
    let start = section.windows(MAGIC.len()).step_by(16).position(|it| it == MAGIC)? * 16;
    let info = &section[start..];
    let (version, modules) = match info.get(15)? {
        flags if flags & 2 != 0 => {
            let (version, rest) = counted(info.get(32..)?)?;
            (version.to_vec(), counted(rest)?.0.to_vec())
        }
        // Before Go 1.18: addresses of Go's strings, each an address and a length.
        flags => {
            let wide = *info.get(14)? == 8;
            let pointer = |bytes: &[u8]| number(bytes, wide, flags & 1 != 0);
            let width = if wide { 8 } else { 4 };
            let text = |at: usize| {
                let head = elf.memory(pointer(info.get(at..)?)?, 2 * width as u64)?;
                let length = pointer(&head[width..])?;
                (length <= LONGEST_TEXT).then(|| elf.memory(pointer(&head)?, length))?
            };
            (text(16)?, text(16 + width).unwrap_or_default())
        }
    };
    let mut packages = Vec::new();
    if let Some(version) = std::str::from_utf8(&version).ok().and_then(|it| it.strip_prefix("go")) {
        // `go1.22.1 X:experiments`
        packages.push(package("stdlib", version.split_whitespace().next().unwrap_or_default()));
    }
    // Sixteen bytes on either side mark the text.
    let text = modules.get(16..modules.len().saturating_sub(16)).unwrap_or_default();
    packages.extend(listed(std::str::from_utf8(text).ok()?));
    Some(packages)
}

/// Modules in the lines `mod`, `dep` and `=>`, the last of which replaces the one before it.
fn listed(text: &str) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields.as_slice() {
            ["mod" | "dep", path, version, ..] => packages.push(package(path, version)),
            ["=>", path, version, ..] => {
                packages.pop();
                packages.push(package(path, version));
            }
            _ => (),
        }
    }
    // The program itself has no version when it was built from a checkout.
    packages.retain(|package| package.version != "(devel)" && !package.version.is_empty());
    packages
}

fn package(path: &str, version: &str) -> Package {
    Package::new(Ecosystem::Golang, path, version, purl::golang(path, version))
}

/// Bytes after their length, and what follows them.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut length, mut at) = (0_u64, 0);
    loop {
        let byte = *bytes.get(at)?;
        length |= u64::from(byte & 0x7f).checked_shl(7 * at as u32)?;
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    bytes[at..].split_at_checked(usize::try_from(length).ok()?)
}

fn number(bytes: &[u8], wide: bool, big: bool) -> Option<u64> {
    if wide {
        let bytes = bytes.get(..8)?.try_into().ok()?;
        return Some(if big {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        });
    }
    let bytes = bytes.get(..4)?.try_into().ok()?;
    Some(u64::from(if big {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    }))
}
