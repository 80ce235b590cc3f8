//! os-release(5): what a root file system calls itself.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The fields that matter here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OsRelease {
    /// `debian`, `alpine`, `fedora` and others; `linux` where nothing is said.
    pub id: String,
    /// `12`, `3.20.1`; rolling releases have none.
    pub version_id: Option<String>,
    /// `bookworm`.
    pub codename: Option<String>,
    /// For people.
    pub pretty_name: Option<String>,
}

impl OsRelease {
    /// Reads the file's text: `KEY=value` lines, the value in shell quotes or none.
    pub(super) fn read(text: &str) -> Self {
        let fields: BTreeMap<&str, String> = text
            .lines()
            .filter_map(|line| line.trim().split_once('='))
            .map(|(key, value)| (key, unquote(value)))
            .filter(|(_, value)| !value.is_empty() && value.len() < 256 && !value.chars().any(char::is_control))
            .collect();
        let field = |key: &str| fields.get(key).cloned();
        Self {
            id: field("ID").map_or_else(|| "linux".to_owned(), |id| id.to_lowercase()),
            version_id: field("VERSION_ID"),
            codename: field("VERSION_CODENAME"),
            pretty_name: field("PRETTY_NAME"),
        }
    }

    /// The value of the qualifier `distro`: `debian-12`.
    pub(super) fn distro(&self) -> String {
        match self.version_id.as_ref().or(self.codename.as_ref()) {
            Some(version) => format!("{}-{version}", self.id),
            None => self.id.clone(),
        }
    }
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(value) = inner('\'') {
        return value.to_owned();
    }
    let value = inner('"').unwrap_or(value);
    let mut out = String::with_capacity(value.len());
    let mut escaped = false;
    for c in value.chars() {
        if c == '\\' && !escaped {
            escaped = true;
            continue;
        }
        out.push(c);
        escaped = false;
    }
    out
}
