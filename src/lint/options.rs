//! What rules are told besides the file.

use std::collections::BTreeMap;

/// What rules are told besides the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Registries that images may come from; `*`, `*suffix` and `prefix*` match many. Empty: any.
    pub trusted_registries: Vec<String>,
    /// Labels that a stage must have, and what their values must look like.
    pub label_schema: BTreeMap<String, LabelKind>,
    /// Whether labels outside of the schema are findings.
    pub strict_labels: bool,
    /// `--build-arg` values of the build that is checked.
    pub build_args: Vec<(String, String)>,
    /// The stage that is to be built; the last one when `None`.
    pub target: Option<String>,
    /// Names of `--build-context`, which COPY and FROM may name like stages.
    pub named_contexts: Vec<String>,
}

/// What a label's value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LabelKind {
    /// Anything.
    Text,
    /// A time as RFC 3339 writes it.
    Rfc3339,
    /// A version as Semantic Versioning 2.0.0 writes it.
    Semver,
    /// An absolute URI.
    Url,
    /// 7 or 40 lower-case hexadecimal digits.
    Hash,
    /// One SPDX licence identifier.
    Spdx,
    /// An address of electronic mail.
    Email,
}

impl LabelKind {
    /// The kind that a configuration calls `word`.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "text" => Self::Text,
            "rfc3339" => Self::Rfc3339,
            "semver" => Self::Semver,
            "url" => Self::Url,
            "hash" => Self::Hash,
            "spdx" => Self::Spdx,
            "email" => Self::Email,
            _ => return None,
        })
    }
}
