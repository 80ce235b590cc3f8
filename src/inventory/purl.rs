//! Package URLs, by the rules of the purl specification.

use std::fmt::Write as _;

/// A package URL: `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS#SUBPATH`.
///
/// Each part is encoded here; the caller spells them as the type wants it. Empty parts are left out, qualifiers are
/// ordered by key. Slashes divide a namespace into segments.
pub fn purl(kind: &str, namespace: &str, name: &str, version: &str, qualifiers: &[(&str, &str)]) -> String {
    let mut out = format!("pkg:{kind}/");
    for segment in namespace.split('/').filter(|segment| !segment.is_empty()) {
        encode(&mut out, segment);
        out.push('/');
    }
    encode(&mut out, name);
    if !version.is_empty() {
        out.push('@');
        encode(&mut out, version);
    }
    let mut qualifiers: Vec<_> = qualifiers.iter().filter(|(_, value)| !value.is_empty()).collect();
    qualifiers.sort();
    for (at, (key, value)) in qualifiers.iter().enumerate() {
        let _ = write!(out, "{}{key}=", if at == 0 { '?' } else { '&' });
        encode(&mut out, value);
    }
    out
}

/// Everything but letters, digits and `.-_~:` is written as `%XX`.
fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// Of an npm package, whose scope is the namespace. Names are in lower case.
pub(super) fn npm(name: &str, version: &str) -> String {
    let name = name.to_lowercase();
    match name.split_once('/') {
        Some((scope, name)) => purl("npm", scope, name, version, &[]),
        None => purl("npm", "", &name, version, &[]),
    }
}

/// Of a Python package: lower case, and dashes for underscores.
pub(super) fn pypi(name: &str, version: &str) -> String {
    purl("pypi", "", &name.to_lowercase().replace('_', "-"), version, &[])
}

/// Of a Go module: the last segment of its path is the name, all in lower case.
pub(super) fn golang(path: &str, version: &str) -> String {
    let path = path.to_lowercase();
    let (namespace, name) = path.rsplit_once('/').unwrap_or(("", &path));
    purl("golang", namespace, name, version, &[])
}

/// Of a composer package: vendor and name, in lower case.
pub(super) fn composer(name: &str, version: &str) -> String {
    let name = name.to_lowercase();
    let (vendor, name) = name.split_once('/').unwrap_or(("", &name));
    purl("composer", vendor, name, version, &[])
}
