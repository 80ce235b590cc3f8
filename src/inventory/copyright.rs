//! Debian's machine-readable copyright files.

use super::control::{field, paragraphs};
use super::license::License;

/// Most licences that are taken from one file.
const MOST: usize = 32;

/// The licences that a copyright file names, in order and each once; none when it is free text.
pub(super) fn licenses(text: &str) -> Vec<License> {
    let mut licenses: Vec<License> = Vec::new();
    let mut all = paragraphs(text);
    let Some(header) = all.next() else { return licenses };
    if field(&header, "Format").is_none() {
        return licenses;
    }
    for paragraph in std::iter::once(header).chain(all) {
        // The first line is the short name, the text follows.
        let stated = field(&paragraph, "License").and_then(|value| value.lines().next());
        if let Some(license) = stated.and_then(License::read)
            && !licenses.contains(&license)
            && licenses.len() < MOST
        {
            licenses.push(license);
        }
    }
    licenses
}
