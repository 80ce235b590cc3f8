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
    tree_order_after(a, b, shared_prefix(a, b))
}

/// [`tree_order`] of paths of which the [`shared_prefix`] is known.
pub(super) fn tree_order_after(a: &[u8], b: &[u8], shared: usize) -> Ordering {
    let rank = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    match (a.get(shared), b.get(shared)) {
        (Some(x), Some(y)) => rank(x).cmp(&rank(y)),
        _ => a.len().cmp(&b.len()),
    }
}

/// How many bytes two paths begin with in common.
pub(super) fn shared_prefix(a: &[u8], b: &[u8]) -> usize {
    // Neighbours in a listing share most of their bytes, so these are compared eight at a time.
    let (words_a, _) = a.as_chunks::<8>();
    let (words_b, _) = b.as_chunks::<8>();
    let mut shared = 0;
    for (x, y) in words_a.iter().zip(words_b) {
        let difference = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if difference != 0 {
            return shared + difference.trailing_zeros() as usize / 8;
        }
        shared += 8;
    }
    let rest = a[shared..].iter().zip(&b[shared..]);
    shared + rest.take_while(|(x, y)| x == y).count()
}

/// A modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// Extended attributes: names with their prefix, and values.
pub type Xattrs = Vec<(Box<[u8]>, Box<[u8]>)>;

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
    pub xattrs: Xattrs,
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
    /// Another name of something that stands before it in the same delta, in tree order: of a file, symbolic link,
    /// device or pipe, never of a directory.
    HardLink {
        /// The first name, which says what it is.
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

impl Kind {
    /// Whether it can have several names; a hard link is one of them, and can't be the first.
    pub fn can_be_linked(&self) -> bool {
        match self {
            Self::File { .. } | Self::Symlink { .. } | Self::Character { .. } | Self::Block { .. } | Self::Fifo => true,
            Self::Directory { .. } | Self::HardLink { .. } | Self::Whiteout => false,
        }
    }
}
