//! What is exchanged: results of steps, and facts that save looking at trees.

use crate::digest::{ContentId, FileDigest, StepKey};
use crate::layer::Time;
use crate::oci::Reference;
use crate::store::FarLayer;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// What one step left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The delta.
    pub content: ContentId,
    /// When it was made.
    pub created: Time,
    /// The delta's layer; `None` when only its name is told.
    pub layer: Option<FarLayer>,
}

/// What one build had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// What each step left.
    pub steps: BTreeMap<StepKey, Record>,
    /// What was selected from trees of steps, by the key of the store's memo: with it a `COPY --from` is looked up
    /// without the files that it copies.
    pub selections: BTreeMap<FileDigest, FileDigest>,
}

/// Where results lie.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a repository of a registry; the tag is that of the bundle.
    Registry(Reference),
    /// In a directory.
    Directory {
        /// Where it is.
        path: PathBuf,
        /// The name of the bundle in it.
        tag: String,
    },
}

/// The bundle of a directory when no name is given.
const USUAL_TAG: &str = "latest";

impl Place {
    /// A directory with the usual name for its bundle.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        Self::Directory {
            path: path.into(),
            tag: USUAL_TAG.to_owned(),
        }
    }

    /// The place as the store remembers it; [`Place::remembered`] reads it.
    pub(super) fn note(&self) -> String {
        match self {
            Self::Registry(name) => format!("registry {name}"),
            Self::Directory { path, .. } => format!("directory {}", path.display()),
        }
    }

    /// The place that the store remembers.
    pub(super) fn remembered(note: &str) -> Option<Self> {
        match note.split_once(' ')? {
            ("registry", name) => Some(Self::Registry(name.parse().ok()?)),
            ("directory", path) => Some(Self::directory(path)),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(name) => f.write_str(&name.familiar()),
            Self::Directory { path, .. } => write!(f, "{}", path.display()),
        }
    }
}
