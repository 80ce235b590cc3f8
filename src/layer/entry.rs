//! One entry of a tree: what a delta, a tar and a view are made of.

use crate::digest::FileDigest;
use std::cmp::Ordering;

/// A path inside a tree: bytes, relative, components joined by single slashes, no `.` or `..`, no leading or
/// trailing slash. The empty path is the tree's root.
pub type TreePath = Box<[u8]>;

/// Orders paths so that a directory stands directly before everything below it.
///
/// A slash sorts before every other byte.
pub fn tree_order(a: &[u8], b: &[u8]) -> Ordering {
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    for (x, y) in a.iter().zip(b) {
        if x != y {
            return rank(*x).cmp(&rank(*y));
        }
    }
    a.len().cmp(&b.len())
}

/// A modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// One entry of a tree or a delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: TreePath,
    /// What.
    pub kind: Kind,
    /// Permission, setuid, setgid and sticky bits (0 to 0o7777).
    pub mode: u16,
    /// Owner, as the container sees it.
    pub uid: u32,
    /// Group, as the container sees it.
    pub gid: u32,
    /// Modification time; no part of the delta's identity.
    pub mtime: Time,
    /// Extended attributes that travel in layers, sorted by name; overlayfs' own are not among them.
    pub xattrs: Vec<(Box<[u8]>, Box<[u8]>)>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// The content's name.
        digest: FileDigest,
    },
    /// A directory; `opaque` hides what lower deltas have in it.
    Directory {
        /// Hides lower entries.
        opaque: bool,
    },
    /// A symbolic link.
    Symlink {
        /// As written in the link.
        target: Box<[u8]>,
    },
    /// Another name of a file of the same delta that stands before it in tree order.
    HardLink {
        /// The first name of the same file.
        target: TreePath,
    },
    /// A character device.
    Character {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    Block {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// The removal of what lower deltas have at this path. Other fields of the entry are zero.
    Whiteout,
}
