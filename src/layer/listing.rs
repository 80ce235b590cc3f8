//! The entries of one delta, sorted and checked.

use super::codec;
use super::disk::travels;
use super::entry::{Entry, Kind, Time, TreePath, shared_prefix, tree_order, tree_order_after};
use crate::digest::{ContentId, Fields};

/// Longest path that a listing takes, in bytes.
///
/// Twice the kernel's `PATH_MAX`: trees made by programs that change directory as they go may be deeper than one
/// system call can name, but not without end.
pub const MAX_PATH: usize = 8192;

/// The entries of one delta in [`tree_order`].
///
/// What holds for every listing: paths are valid and unique; an entry's parent directories stand in it (only the
/// root, the empty path, may be absent) and are directories; a hard link's target stands before it, is a file,
/// symbolic link, device or pipe, and agrees with it on owner, mode, time and xattrs; xattrs are sorted and unique.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    entries: Vec<Entry>,
}

/// Why entries are not a listing, or bytes not an encoded one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// A path is absolute, too long, or has an empty, `.` or `..` component or a zero byte.
    #[error("`{}` is no path inside a tree", .0.escape_ascii())]
    Path(TreePath),
    /// Two entries have the same path.
    #[error("`{}` stands twice in the listing", .0.escape_ascii())]
    Duplicate(TreePath),
    /// An entry stands below something that is no directory.
    #[error("`{}` stands below something that is no directory", .0.escape_ascii())]
    Parent(TreePath),
    /// A hard link names nothing that stands before it and can have a second name.
    #[error("the hard link `{}` names `{}`, which is no file or the like before it", .path.escape_ascii(), .target.escape_ascii())]
    HardLink {
        /// The link.
        path: TreePath,
        /// What it names.
        target: TreePath,
    },
    /// Mode, time or xattrs of an entry are out of range.
    #[error("`{}` has {what}", .path.escape_ascii())]
    Field {
        /// The entry.
        path: TreePath,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The bytes are not an encoded listing, or damaged.
    #[error("cannot read the encoded listing: {0}")]
    Encoding(&'static str),
    /// The bytes were written by a newer release.
    #[error("the listing has format {0}, which this release does not know")]
    Version(u8),
}

impl Listing {
    /// Sorts entries and checks them.
    ///
    /// Parent directories that are missing are added with mode 0755, owner 0:0 and time 0. Fields that an entry
    /// cannot have of its own are set: a symbolic link's mode to 0777, a whiteout's fields to zero, a hard link's
    /// metadata to its file's. Xattrs that do not travel in layers are dropped.
    pub fn from_entries(mut entries: Vec<Entry>) -> Result<Self, ListingError> {
        if !check(&mut entries)? {
            entries.sort_by(|a, b| tree_order(&a.path, &b.path));
            if let Some(pair) = entries.windows(2).find(|pair| pair[0].path == pair[1].path) {
                return Err(ListingError::Duplicate(pair[0].path.clone()));
            }
            entries = with_parents(entries)?;
        }
        for at in 0..entries.len() {
            let (before, rest) = entries.split_at_mut(at);
            let Some(Entry {
                path,
                kind: Kind::HardLink { target },
                mode,
                uid,
                gid,
                mtime,
                xattrs,
            }) = rest.first_mut()
            else {
                continue;
            };
            let first = search(before, target).map(|first| &before[first]);
            let first = first
                .filter(|first| first.kind.can_be_linked())
                .ok_or_else(|| ListingError::HardLink {
                    path: path.clone(),
                    target: target.clone(),
                })?;
            (*mode, *uid, *gid, *mtime) = (first.mode, first.uid, first.gid, first.mtime);
            xattrs.clone_from(&first.xattrs);
        }
        Ok(Self { entries })
    }

    /// Takes entries that [`codec::decode`] has already checked.
    pub(super) fn from_checked(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// All entries, in tree order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Gives the entries away, in tree order.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The entry at a path.
    pub fn get(&self, path: &[u8]) -> Option<&Entry> {
        search(&self.entries, path).map(|at| &self.entries[at])
    }

    /// The entries strictly below a directory, in tree order; for the empty path all but the root.
    pub fn below(&self, path: &[u8]) -> &[Entry] {
        if path.is_empty() {
            let root = self.entries.first().is_some_and(|entry| entry.path.is_empty());
            return &self.entries[usize::from(root)..];
        }
        let start = self
            .entries
            .partition_point(|entry| tree_order(&entry.path, path).is_le());
        let rest = &self.entries[start..];
        &rest[..rest.partition_point(|entry| is_below(&entry.path, path))]
    }

    /// The entry that says what an entry of this listing is: itself, or what a hard link names.
    pub fn file_of<'a>(&'a self, entry: &'a Entry) -> &'a Entry {
        match &entry.kind {
            Kind::HardLink { target } => self.get(target).unwrap_or(entry),
            _ => entry,
        }
    }

    /// The delta's name: of everything in it but modification times.
    pub fn content_id(&self) -> ContentId {
        let mut fields = Fields::new("varve 2026 delta v1");
        fields.number(self.entries.len() as u64);
        let mut value = Vec::with_capacity(512);
        for entry in &self.entries {
            value.clear();
            codec::identity(entry, &mut value);
            fields.bytes(&value);
        }
        fields.content_id()
    }

    /// The listing as bytes that [`Self::decode`] reads; equal listings give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&self.entries)
    }

    /// Reads what [`Self::encode`] wrote; refuses everything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, ListingError> {
        codec::decode(bytes)
    }

    /// Sum of the sizes of all files, in bytes; hard links count once.
    pub fn total_size(&self) -> u64 {
        let size = |entry: &Entry| match entry.kind {
            Kind::File { size, .. } => size,
            _ => 0,
        };
        self.entries.iter().map(size).fold(0, u64::saturating_add)
    }
}

/// Whether `path` stands strictly below the directory `above`, which is not the root.
pub(super) fn is_below(path: &[u8], above: &[u8]) -> bool {
    path.len() > above.len() && path[above.len()] == b'/' && path.starts_with(above)
}

/// The directory that a path stands in; of a path without a slash the root.
pub(super) fn parent(path: &[u8]) -> &[u8] {
    path.iter()
        .rposition(|byte| *byte == b'/')
        .map_or(&[], |slash| &path[..slash])
}

/// The last component of a path.
pub(super) fn name(path: &[u8]) -> &[u8] {
    path.iter()
        .rposition(|byte| *byte == b'/')
        .map_or(path, |slash| &path[slash + 1..])
}

/// Says whether bytes are a path inside a tree; the root is.
pub(super) fn check_path(path: &[u8]) -> Result<(), ListingError> {
    check_names(path, 0)
}

/// Checks the names of a path from a place on: its beginning, or the slash after names that are good.
fn check_names(path: &[u8], from: usize) -> Result<(), ListingError> {
    let mut start = from + usize::from(from > 0);
    let mut good = path.len() <= MAX_PATH;
    for (at, byte) in path.iter().enumerate().skip(start) {
        match byte {
            b'/' => {
                good &= is_name(&path[start..at]);
                start = at + 1;
            }
            0 => good = false,
            _ => (),
        }
    }
    if path.is_empty() || good && is_name(&path[start..]) {
        Ok(())
    } else {
        Err(ListingError::Path(path.into()))
    }
}

fn is_name(part: &[u8]) -> bool {
    !matches!(part, b"" | b"." | b"..")
}

/// Checks what an entry says of itself, and sets what its kind leaves no choice in.
pub(super) fn canonical(entry: &mut Entry) -> Result<(), ListingError> {
    if entry.kind == (Kind::Character { major: 0, minor: 0 }) {
        // This device is what a whiteout is made of, so no tree can hold it as anything else.
        entry.kind = Kind::Whiteout;
    }
    let bad = |path: &TreePath, what| {
        Err(ListingError::Field {
            path: path.clone(),
            what,
        })
    };
    match &entry.kind {
        Kind::Symlink { target } => {
            if target.is_empty() || target.len() > MAX_PATH || target.contains(&0) {
                return bad(&entry.path, "an impossible link target");
            }
            entry.mode = 0o777;
        }
        Kind::Whiteout => {
            (entry.mode, entry.uid, entry.gid) = (0, 0, 0);
            entry.mtime = Time::default();
            entry.xattrs.clear();
        }
        _ => (),
    }
    if entry.path.is_empty() && !matches!(entry.kind, Kind::Directory { .. }) {
        return bad(&entry.path, "a root that is no directory");
    }
    if entry.mode > 0o7777 {
        return bad(&entry.path, "mode bits above 07777");
    }
    if entry.mtime.nanoseconds >= 1_000_000_000 {
        return bad(&entry.path, "a time with too many nanoseconds");
    }
    entry.xattrs.retain(|(name, _)| travels(name));
    if !entry.xattrs.is_sorted_by(|a, b| a.0 < b.0) {
        entry.xattrs.sort();
        if entry.xattrs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return bad(&entry.path, "the same extended attribute twice");
        }
    }
    if entry
        .xattrs
        .iter()
        .any(|(name, _)| name.is_empty() || name.contains(&0))
    {
        return bad(&entry.path, "an extended attribute with an impossible name");
    }
    Ok(())
}

/// The place of a path among sorted entries.
pub(super) fn search(entries: &[Entry], path: &[u8]) -> Option<usize> {
    entries.binary_search_by(|entry| tree_order(&entry.path, path)).ok()
}

/// Checks entries one by one, and says whether they are sorted and unique, with all their parents among them.
///
/// One pass over neighbours, since listings of source trees have many long paths, and most come in order.
fn check(entries: &mut [Entry]) -> Result<bool, ListingError> {
    let mut in_order = true;
    // Places of the directories that the last entry stands in or is, outermost first, without the root.
    let mut open: Vec<usize> = Vec::new();
    for at in 0..entries.len() {
        let (before, rest) = entries.split_at_mut(at);
        let Some(entry) = rest.first_mut() else { break };
        let last: &[u8] = before.last().map_or(&[], |last| &last.path);
        let shared = shared_prefix(last, &entry.path);
        // The last path was good, so that only what is new in this one can be bad.
        check_names(&entry.path, parent(&entry.path[..shared]).len())?;
        canonical(entry)?;
        if !in_order {
            continue;
        }
        while open
            .last()
            .is_some_and(|place| !is_below(&entry.path, &before[*place].path))
        {
            open.pop();
        }
        let innermost = open.last().map_or(0, |place| before[*place].path.len());
        // It stands below the innermost one, so that only the length can tell that from its parent.
        in_order =
            parent(&entry.path).len() == innermost && (at == 0 || tree_order_after(last, &entry.path, shared).is_lt());
        if matches!(entry.kind, Kind::Directory { .. }) && !entry.path.is_empty() {
            open.push(at);
        }
    }
    Ok(in_order)
}

/// Adds the parent directories that are missing; the entries are sorted and unique.
fn with_parents(entries: Vec<Entry>) -> Result<Vec<Entry>, ListingError> {
    let mut complete = Vec::with_capacity(entries.len());
    // Paths of the directories that the last entry stands in or is, outermost first, without the root.
    let mut open: Vec<TreePath> = Vec::new();
    for entry in entries {
        while open.last().is_some_and(|directory| !is_below(&entry.path, directory)) {
            open.pop();
        }
        let last = complete.last().map(|last: &Entry| &last.path);
        if last.is_some_and(|last| !last.is_empty() && is_below(&entry.path, last)) && open.last() != last {
            return Err(ListingError::Parent(entry.path));
        }
        let known = open.last().map_or(0, |directory| directory.len());
        for end in (known + 1..entry.path.len()).filter(|end| entry.path[*end] == b'/') {
            let path: TreePath = entry.path[..end].into();
            open.push(path.clone());
            complete.push(plain_directory(path));
        }
        if matches!(entry.kind, Kind::Directory { .. }) && !entry.path.is_empty() {
            open.push(entry.path.clone());
        }
        complete.push(entry);
    }
    Ok(complete)
}

/// A directory that nobody described.
pub(super) fn plain_directory(path: TreePath) -> Entry {
    Entry {
        path,
        kind: Kind::Directory { opaque: false },
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        xattrs: Vec::new(),
    }
}
