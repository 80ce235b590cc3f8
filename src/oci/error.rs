//! What can be wrong with OCI documents and layouts.

use crate::digest::{BlobDigest, NotTheBlob};
use std::io;
use std::path::PathBuf;

/// Why a layout or a document can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The file system refused.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// A verb and what follows it.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory or file that is no layout of images.
    #[error("`{}` is not an OCI layout: {reason}", .path.display())]
    NotALayout {
        /// Which.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A tar that can't be read as one.
    #[error("`{}` is not a tar of images: {reason}", .path.display())]
    Archive {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A document that is not what it should be.
    #[error("cannot read the {what}")]
    Document {
        /// Which kind of document.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A document of a format that nobody writes any more, or not yet.
    #[error("the document has schema version {0}, and only version 2 is known")]
    Schema(u32),
    /// A document larger than makes sense.
    #[error("the {what} `{digest}` has {size} bytes, and at most {limit} make sense")]
    TooLarge {
        /// Which kind of document.
        what: &'static str,
        /// Which.
        digest: BlobDigest,
        /// Its size.
        size: u64,
        /// The largest that is read.
        limit: u64,
    },
    /// Something that a document refers to is missing.
    #[error("the {what} `{digest}` is not in `{}`", .path.display())]
    Missing {
        /// Which kind of document.
        what: &'static str,
        /// Which.
        digest: BlobDigest,
        /// The layout.
        path: PathBuf,
    },
    /// The bytes are not what the descriptor claims.
    #[error("the {what} is damaged")]
    Damaged {
        /// Which kind of document.
        what: &'static str,
        /// What is wrong.
        source: NotTheBlob,
    },
    /// Indexes inside indexes without end.
    #[error("indexes are nested more than {0} deep")]
    TooDeep(usize),
    /// A manifest that describes something else.
    #[error("`{digest}` is not an image but `{kind}`")]
    NotAnImage {
        /// Which.
        digest: BlobDigest,
        /// What it says it is.
        kind: String,
    },
    /// The config and the manifest tell different stories.
    #[error("the manifest lists {layers} layers, and the config {diff_ids}")]
    LayerCount {
        /// In the manifest.
        layers: usize,
        /// In the config.
        diff_ids: usize,
    },
    /// Nothing has the wanted tag or digest.
    #[error("there is no image `{wanted}` in `{}`, only {}", .path.display(), list(.known))]
    NoImage {
        /// What was asked for.
        wanted: String,
        /// The layout.
        path: PathBuf,
        /// What there is.
        known: Vec<String>,
    },
    /// Several images, and no word which is meant.
    #[error("there are several images in `{}`, so one must be named: {}", .path.display(), list(.known))]
    Ambiguous {
        /// The layout.
        path: PathBuf,
        /// What there is.
        known: Vec<String>,
    },
    /// The image is for other machines.
    #[error("no image for `{wanted}`, only for {}", list(.known))]
    NoPlatform {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: Vec<String>,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let shown: Vec<String> = names.iter().take(10).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(10);
    let tail = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    shown.join(", ") + &tail
}
