//! Tests of the room.

mod alone;
mod bench;
mod compression;
mod flatten;
mod listing;
mod overlay;
mod scan;
mod tar;
mod unpack;
mod view;
mod writer;

use super::{Entry, Host, Kind, Listing, OverlayXattrs, Ownership, Time};
use crate::digest::FileHasher;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// An entry with usual metadata.
pub(super) fn entry(path: &str, kind: Kind) -> Entry {
    let mode = if matches!(kind, Kind::Directory { .. }) {
        0o755
    } else {
        0o644
    };
    let mtime = Time {
        seconds: 1_700_000_000,
        nanoseconds: 5,
    };
    Entry {
        path: path.as_bytes().into(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime,
        xattrs: Vec::new(),
    }
}

/// `a/` is a directory, `a//` an opaque one, `-a` a whiteout, `a -> b` a link, `a = b` a hard link, else a file that
/// holds its own name.
pub(super) fn written(text: &str) -> Entry {
    if let Some((path, target)) = text.split_once(" -> ") {
        entry(
            path,
            Kind::Symlink {
                target: target.as_bytes().into(),
            },
        )
    } else if let Some(path) = text.strip_suffix("//") {
        entry(path, Kind::Directory { opaque: true })
    } else if let Some(path) = text.strip_suffix('/') {
        entry(path, Kind::Directory { opaque: false })
    } else if let Some(path) = text.strip_prefix('-') {
        entry(path, Kind::Whiteout)
    } else if let Some((path, target)) = text.split_once(" = ") {
        entry(
            path,
            Kind::HardLink {
                target: target.as_bytes().into(),
            },
        )
    } else {
        entry(
            text,
            Kind::File {
                size: text.len() as u64,
                digest: FileHasher::of(text.as_bytes()),
            },
        )
    }
}

/// A listing in the notation of [`written`].
pub(super) fn listing(entries: &[&str]) -> Arc<Listing> {
    Arc::new(Listing::from_entries(entries.iter().map(|text| written(text)).collect()).unwrap())
}

/// A host that writes as this process may: tests run as root or in a user namespace.
pub(super) fn host() -> Host {
    Host {
        overlay_xattrs: OverlayXattrs::User,
        ownership: Ownership::Mapped,
        devices: true,
    }
}

/// An empty directory, open.
pub(super) fn directory() -> (tempfile::TempDir, OwnedFd) {
    let directory = tempfile::tempdir().unwrap();
    let opened = std::fs::File::open(directory.path()).unwrap();
    (directory, opened.into())
}
