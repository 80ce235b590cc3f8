//! Findings that are known and left for later.
//!
//! A finding is known by its file, its code and the line of text it is about, so that it stays known when lines above
//! it come and go, and is new when its own line is edited.

use crate::cli::failure::{Exit, Failure};
use crate::lint::formats::{Linted, anchor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Bytes of a file of known findings that are read.
const LARGEST: u64 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Of this format.
    version: u32,
    findings: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// From the directory of the document, with `/`.
    file: String,
    code: String,
    /// The line, without the blanks around it.
    text: String,
    /// How many of them.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    count: u64,
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_one(count: &u64) -> bool {
    *count == 1
}

type Key = (String, String, String);

/// Known findings, each as often as it is known.
#[derive(Debug, Clone)]
pub(super) struct Baseline {
    directory: PathBuf,
    left: BTreeMap<Key, u64>,
}

impl Baseline {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let fails = |why: String| Failure {
            text: format!("error: cannot read the known findings of `{}`: {why}", path.display()),
            exit: Exit::Usage,
        };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
            .map_err(|error| fails(error.to_string()))?;
        if bytes.len() as u64 > LARGEST {
            return Err(fails("it is larger than 64 MiB".to_owned()));
        }
        let document: Document = serde_json::from_slice(&bytes).map_err(|error| fails(error.to_string()))?;
        if document.version != 1 {
            return Err(fails(format!(
                "it is of version {}, and this varve knows version 1",
                document.version
            )));
        }
        let mut left = BTreeMap::new();
        for entry in document.findings {
            let count: &mut u64 = left.entry((entry.file, entry.code, entry.text)).or_default();
            *count = count.saturating_add(entry.count);
        }
        Ok(Self {
            directory: directory(path),
            left,
        })
    }

    /// The part of it that is about the file at `path`.
    pub(super) fn for_file(&self, path: &Path) -> Self {
        let file = relative(&self.directory, path);
        let first = (file.clone(), String::new(), String::new());
        let all = self.left.range(first..).take_while(|((name, ..), _)| *name == file);
        Self {
            directory: self.directory.clone(),
            left: all.map(|(key, count)| (key.clone(), *count)).collect(),
        }
    }

    /// Takes known findings out of `linted`, the file at `path`. What does not parse is never known.
    pub(super) fn forget(&mut self, path: &Path, linted: &mut Linted) {
        if self.left.is_empty() {
            return;
        }
        let file = relative(&self.directory, path);
        let findings = std::mem::take(&mut linted.findings);
        linted.findings = findings
            .into_iter()
            .filter(|finding| {
                let key = (
                    file.clone(),
                    finding.code.to_string(),
                    anchor(linted, finding).to_owned(),
                );
                match self.left.get_mut(&key) {
                    Some(count) if *count > 0 && finding.code != "DL1000" => {
                        *count -= 1;
                        false
                    }
                    _ => true,
                }
            })
            .collect();
    }

    /// How many of the known findings were not there.
    pub(super) fn gone(&self) -> u64 {
        self.left.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// The findings of all files as a document for the place `path`.
pub(super) fn document<'a>(path: &Path, files: impl IntoIterator<Item = (&'a Path, &'a Linted)>) -> String {
    let directory = directory(path);
    let mut counts: BTreeMap<Key, u64> = BTreeMap::new();
    for (path, linted) in files {
        let file = relative(&directory, path);
        for finding in linted.findings.iter().filter(|finding| finding.code != "DL1000") {
            let key = (
                file.clone(),
                finding.code.to_string(),
                anchor(linted, finding).to_owned(),
            );
            *counts.entry(key).or_default() += 1;
        }
    }
    let document = Document {
        version: 1,
        findings: counts
            .into_iter()
            .map(|((file, code, text), count)| Entry {
                file,
                code,
                text,
                count,
            })
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn directory(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The path from `directory`, which may be above it.
fn relative(directory: &Path, path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut up = String::new();
    for above in directory.ancestors() {
        if let Ok(rest) = path.strip_prefix(above) {
            return format!("{up}{}", rest.display());
        }
        up.push_str("../");
    }
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_from_the_directory_of_the_document() {
        for (directory, path, expected) in [
            ("/a", "/a/b/Dockerfile", "b/Dockerfile"),
            ("/a/c", "/a/b/Dockerfile", "../b/Dockerfile"),
            ("/", "/Dockerfile", "Dockerfile"),
        ] {
            assert_eq!(relative(Path::new(directory), Path::new(path)), expected);
        }
    }
}
