//! What can go wrong between a tree, its listing and its tar.

use super::entry::TreePath;
use super::listing::ListingError;
use std::io;

/// Why a tree could not be written, listed, packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A system call on a tree failed.
    #[error("cannot {action} `{}`", .path.escape_ascii())]
    Disk {
        /// What was being done.
        action: &'static str,
        /// On which path of the tree; empty for its root.
        path: TreePath,
        /// Why not.
        source: io::Error,
    },
    /// Reading the content that was to become a file failed.
    #[error("cannot read the content of `{}`", .path.escape_ascii())]
    Content {
        /// The file.
        path: TreePath,
        /// Why not.
        source: io::Error,
    },
    /// The caller called it off.
    #[error("cancelled")]
    Cancelled,
    /// A file has not the size or content that was promised.
    #[error("`{}` changed while it was read", .0.escape_ascii())]
    Changed(TreePath),
    /// The entries are not a listing.
    #[error("the entries do not make a tree")]
    Listing(#[from] ListingError),
    /// A link names what is not there, or what cannot have a second name.
    #[error("the hard link `{}` names `{}`, which {what}", .path.escape_ascii(), .target.escape_ascii())]
    Link {
        /// The link.
        path: TreePath,
        /// What it names.
        target: TreePath,
        /// What is wrong with the target.
        what: &'static str,
    },
    /// An overlay upper directory uses a feature that the engine never switches on.
    #[error("`{}` uses overlayfs' `{feature}`, which cannot be listed", .path.escape_ascii())]
    Overlay {
        /// Where.
        path: TreePath,
        /// The feature, as its extended attribute is called.
        feature: &'static str,
    },
    /// The bytes are not a tar, or a damaged one.
    #[error("the archive is damaged at byte {offset}: {what}")]
    Archive {
        /// Where the header stands in the uncompressed stream.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// An archive was unpacked alone that needs to know what lies below it.
    #[error("what lies below the layer has to be known")]
    NeedsLower,
    /// Reading an archive failed.
    #[error("cannot read the archive")]
    Read(#[source] io::Error),
    /// Writing an archive failed.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
    /// The listing has an entry that a tar cannot say.
    #[error("`{}` cannot stand in an archive: {what}", .path.escape_ascii())]
    Unsayable {
        /// The entry.
        path: TreePath,
        /// Why not.
        what: &'static str,
    },
}

impl LayerError {
    /// Adds what was done on which path to a failed system call.
    pub(super) fn disk(action: &'static str, path: &[u8]) -> impl FnOnce(rustix::io::Errno) -> Self {
        move |errno| Self::Disk {
            action,
            path: path.into(),
            source: errno.into(),
        }
    }
}
