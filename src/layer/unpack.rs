//! Archives as deltas: layers of images, and archives that ADD unpacks.

use super::content::Content;
use super::entry::{Entry, Kind, TreePath};
use super::error::LayerError;
use super::listing::{MAX_PATH, check_path, name, parent, plain_directory};
use super::pump;
use super::tar_reader::{Member, TarReader};
use super::tar_writer::{OPAQUE, WHITEOUT};
use super::view::{Found, View};
use super::writer::{DeltaWriter, UNKNOWN_DIGEST};
use crate::digest::DiffId;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;

/// Opens the content of a file that a view found.
pub type OpenLower<'a> = &'a dyn Fn(&Found<'_>) -> io::Result<File>;

/// How an archive becomes entries of a delta.
#[derive(Clone, Copy, Default)]
pub struct Unpack<'a> {
    /// Names like `.wh.x` remove `x` and `.wh..wh..opq` makes its directory opaque, as in layers; otherwise they are
    /// files like others.
    pub whiteouts: bool,
    /// The directory that the archive is unpacked in, which to the archive's links is the root.
    pub base: &'a [u8],
    /// What lies below the delta. It knows directories that the archive does not describe, links that lead names
    /// elsewhere (as `/lib` to `/usr/lib`), and files and the like that the archive gives a second name.
    pub lower: Option<&'a View>,
    /// Opens the content of a file of `lower`; only needed together with it.
    pub open_lower: Option<OpenLower<'a>>,
    /// Without `lower`: fail with [`LayerError::NeedsLower`] as soon as what lies below may matter. A delta that is
    /// made then is the same as with `lower`, whatever that is.
    pub alone: bool,
    /// Changes the archive's entries before they are put, such as their owner or time; paths and kinds stay.
    pub adjust: Option<&'a dyn Fn(&mut Entry)>,
}

impl std::fmt::Debug for Unpack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpack")
            .field("whiteouts", &self.whiteouts)
            .field("base", &self.base.escape_ascii().to_string())
            .field("lower", &self.lower.is_some())
            .field("alone", &self.alone)
            .finish_non_exhaustive()
    }
}

/// What became of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// sha256 of the whole uncompressed stream, with whatever follows the archive's end.
    pub diff_id: DiffId,
    /// Bytes of that stream.
    pub size: u64,
    /// Directories that had to exist although neither the archive nor `lower` describes them, sorted; they were
    /// made plain. When a layer was unpacked without `lower` and this is not empty, what lies below decides their
    /// metadata, and whether they are directories at all: unpack it again with `lower`.
    pub undescribed: Vec<TreePath>,
}

/// Goes through an archive and gives away its members as entries with clean paths, in the archive's order.
///
/// A path never leads out: leading slashes are dropped, `.` is nothing, and `..` takes a name away, if there is
/// one. That holds for hard links' targets, too; symbolic links' targets are as written. Files have
/// [`UNKNOWN_DIGEST`] and come with [`Content::Reader`]. Names like `.wh.x` mean nothing here. The stream is read
/// to its end by a thread of its own, which computes the diff ID.
pub fn read_tar(
    reader: impl Read + Send,
    each: &mut dyn FnMut(Entry, Content<'_>) -> Result<(), LayerError>,
) -> Result<(DiffId, u64), LayerError> {
    pump::through(reader, |reader| {
        let mut tar = TarReader::new(reader);
        while let Some(member) = tar.next()? {
            let offset = member.offset;
            let entry = entry(member)?;
            match entry {
                Some(entry) if matches!(entry.kind, Kind::File { .. }) => {
                    let mut data = tar.data();
                    each(entry, Content::Reader(&mut data))
                }
                Some(entry) => each(entry, Content::None),
                None => Ok(()),
            }
            .map_err(|error| match error {
                // A content is the archive's: that it ends too early says something of the archive.
                LayerError::Content { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
                    LayerError::Archive {
                        offset,
                        what: "it is cut off".to_owned(),
                    }
                }
                other => other,
            })?;
        }
        Ok(())
    })
}

/// Unpacks an archive into a delta.
///
/// Later members win over earlier ones of the same name. Names are resolved inside `base`, as [`read_tar`] says,
/// and then through the symbolic links of this delta and of what lies below it, which stay inside as well: a
/// member whose directory is a link to a directory lands in that directory, and a member whose directory is
/// anything else replaces it by one. A link that has itself the name of a directory member is replaced. Hard links
/// to what lies below copy that up first, as a mounted overlay would.
///
/// Removals apply to what lies below only, wherever in the archive they stand: a removed name that the archive
/// also brings is a replacement (OCI image specification, layer changesets).
pub fn unpack(reader: impl Read + Send, writer: &DeltaWriter, options: &Unpack<'_>) -> Result<Unpacked, LayerError> {
    check_path(options.base)?;
    let mut unpacker = Unpacker {
        writer,
        options,
        undescribed: BTreeSet::new(),
        removed: BTreeSet::new(),
        opaque: BTreeSet::new(),
    };
    let (diff_id, size) = read_tar(reader, &mut |entry, content| unpacker.put(entry, content))?;
    unpacker.finish_removals()?;
    let undescribed = unpacker.undescribed.into_iter().collect();
    Ok(Unpacked {
        diff_id,
        size,
        undescribed,
    })
}

struct Unpacker<'a> {
    writer: &'a DeltaWriter,
    options: &'a Unpack<'a>,
    undescribed: BTreeSet<TreePath>,
    removed: BTreeSet<TreePath>,
    opaque: BTreeSet<TreePath>,
}

impl Unpacker<'_> {
    fn put(&mut self, mut entry: Entry, content: Content<'_>) -> Result<(), LayerError> {
        let last = name(&entry.path);
        if self.options.whiteouts && last.starts_with(WHITEOUT) {
            return self.removal(&entry);
        }
        // Leftovers of AUFS: directories that hold links, never part of the tree.
        if self.options.whiteouts
            && entry
                .path
                .split(|byte| *byte == b'/')
                .any(|it| it.starts_with(b".wh..wh."))
        {
            return Ok(());
        }
        if entry.path.is_empty() && !self.options.whiteouts {
            // The directory that an archive is unpacked in stays as it is.
            return Ok(());
        }
        entry.path = self.locate(&entry.path)?;
        self.parents(&entry.path)?;
        if let Some(adjust) = self.options.adjust {
            adjust(&mut entry);
        }
        if let Kind::HardLink { target } = &mut entry.kind {
            *target = self.locate(target)?;
            if self.options.alone && self.writer.get(target).is_none() {
                return Err(LayerError::NeedsLower);
            }
            self.copy_up(&target.clone())?;
        }
        self.undescribed.remove(&entry.path);
        self.writer.put(entry, content)
    }

    fn removal(&mut self, entry: &Entry) -> Result<(), LayerError> {
        let last = name(&entry.path);
        if last == OPAQUE {
            let directory = self.locate(&[parent(&entry.path), b"/x"].concat())?;
            self.opaque.insert(parent(&directory).into());
            return Ok(());
        }
        let removed = &last[WHITEOUT.len()..];
        if removed.starts_with(b".wh.") {
            // AUFS' own marks.
            return Ok(());
        }
        if matches!(removed, b"" | b"." | b"..") {
            return Err(LayerError::Unsayable {
                path: entry.path.clone(),
                what: "it removes nothing that has a name",
            });
        }
        let above = parent(&entry.path);
        let path = if above.is_empty() {
            removed.to_vec()
        } else {
            [above, b"/", removed].concat()
        };
        let path = self.locate(&path)?;
        self.removed.insert(path);
        Ok(())
    }

    /// Removes what the archive has not brought itself.
    fn finish_removals(&mut self) -> Result<(), LayerError> {
        for path in std::mem::take(&mut self.removed) {
            match self.writer.get(&path).map(|it| it.kind) {
                None => {
                    self.parents(&path)?;
                    let whiteout = Entry {
                        kind: Kind::Whiteout,
                        ..plain_directory(path)
                    };
                    self.writer.put(whiteout, Content::None)?;
                }
                Some(Kind::Directory { .. }) => drop(self.opaque.insert(path)),
                Some(_) => (),
            }
        }
        for path in std::mem::take(&mut self.opaque) {
            if self.writer.get(&path).is_none() {
                self.parents(&[&path[..], b"/x"].concat())?;
            }
            if let Some(mut entry) = self.writer.get(&path)
                && matches!(entry.kind, Kind::Directory { .. })
            {
                entry.kind = Kind::Directory { opaque: true };
                self.writer.put(entry, Content::None)?;
            }
        }
        Ok(())
    }

    /// Makes the directories that a path stands in.
    fn parents(&mut self, path: &[u8]) -> Result<(), LayerError> {
        let mut above = parent(path);
        let known = |path: &[u8]| {
            matches!(
                self.writer.get(path),
                Some(Entry {
                    kind: Kind::Directory { .. },
                    ..
                })
            )
        };
        let mut missing = Vec::new();
        while !above.is_empty() && !known(above) {
            missing.push(above);
            above = parent(above);
        }
        for path in missing.into_iter().rev() {
            let below = self.below(path);
            let entry = match below.filter(|entry| matches!(entry.kind, Kind::Directory { .. })) {
                Some(entry) => Entry {
                    kind: Kind::Directory { opaque: false },
                    ..entry.clone()
                },
                None if self.options.alone => return Err(LayerError::NeedsLower),
                None => {
                    self.undescribed.insert(path.into());
                    plain_directory(path.into())
                }
            };
            self.writer.put(entry, Content::None)?;
        }
        Ok(())
    }

    /// What lies below at a path, unless the archive has removed it by now. Of a hard link its first name, so that
    /// the path may be another.
    fn below(&self, path: &[u8]) -> Option<&Entry> {
        if !self.removed.is_empty() || !self.opaque.is_empty() {
            let mut part = path;
            while !part.is_empty() {
                if self.removed.contains(part) || self.opaque.contains(parent(part)) {
                    return None;
                }
                part = parent(part);
            }
        }
        let lower = self.options.lower?;
        Some(lower.file_of(&lower.get(path)?))
    }

    /// Gives a file, symbolic link, device or pipe from below to the delta, so that it can get a second name.
    fn copy_up(&mut self, target: &[u8]) -> Result<(), LayerError> {
        let Some(lower) = self.options.lower else {
            return Ok(());
        };
        if self.writer.get(target).is_some() {
            return Ok(());
        }
        let Some(found) = self.below(target).and_then(|_| lower.get(target)) else {
            return Ok(());
        };
        let mut entry = lower.file_of(&found).clone();
        entry.path = target.into();
        if !entry.kind.can_be_linked() {
            // The writer refuses it.
            return Ok(());
        }
        self.parents(target)?;
        if !matches!(entry.kind, Kind::File { .. }) {
            return self.writer.put(entry, Content::None);
        }
        let Some(open) = self.options.open_lower else {
            return Ok(());
        };
        let content = open(&found).map_err(|source| LayerError::Content {
            path: target.into(),
            source,
        })?;
        self.writer.put(entry, Content::File(content.as_fd()))
    }

    /// Where a clean path of the archive lies in the tree: below `base`, with all links on the way to its last
    /// component followed.
    fn locate(&self, path: &[u8]) -> Result<TreePath, LayerError> {
        let base = self.options.base;
        let mut real = base.to_vec();
        let above = parent(path);
        append(&mut real, above);
        if !above.is_empty() && !self.is_directory(&real) {
            real = self.resolve(above)?;
        }
        if !path.is_empty() {
            append(&mut real, name(path));
        }
        check_path(&real)?;
        Ok(real.into())
    }

    /// A directory that was put stands where it says: no part of its path is a link.
    fn is_directory(&self, path: &[u8]) -> bool {
        matches!(
            self.writer.get(path),
            Some(Entry {
                kind: Kind::Directory { .. },
                ..
            })
        )
    }

    fn resolve(&self, directory: &[u8]) -> Result<Vec<u8>, LayerError> {
        let base = self.options.base;
        let mut real = base.to_vec();
        let mut todo: Vec<Vec<u8>> = names(directory).rev().map(<[u8]>::to_vec).collect();
        let mut links = 0;
        while let Some(next) = todo.pop() {
            if next == b".." {
                if real.len() > base.len() {
                    real.truncate(parent(&real).len());
                }
                continue;
            }
            let start = real.len();
            append(&mut real, &next);
            let target = match self.writer.get(&real) {
                Some(Entry {
                    kind: Kind::Symlink { target },
                    ..
                }) => target,
                Some(_) => continue,
                None if self.options.alone => return Err(LayerError::NeedsLower),
                None => match self.below(&real).map(|entry| &entry.kind) {
                    Some(Kind::Symlink { target }) => target.clone(),
                    _ => continue,
                },
            };
            links += 1;
            if links > 255 || todo.len() > MAX_PATH {
                let path = directory.into();
                return Err(LayerError::Unsayable {
                    path,
                    what: "too many symbolic links lead there",
                });
            }
            real.truncate(if target.starts_with(b"/") { base.len() } else { start });
            todo.extend(names(&target).rev().map(<[u8]>::to_vec));
        }
        Ok(real)
    }
}

fn names(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
}

fn append(path: &mut Vec<u8>, below: &[u8]) {
    if !path.is_empty() && !below.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(below);
}

/// A path that stays inside, whatever the archive says.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut clean: Vec<&[u8]> = Vec::new();
    for name in names(path) {
        if name == b".." {
            clean.pop();
        } else {
            clean.push(name);
        }
    }
    clean.join(&b'/')
}

/// A member as an entry; `None` for what is none.
fn entry(member: Member) -> Result<Option<Entry>, LayerError> {
    let Member {
        offset,
        kind,
        path,
        link,
        mode,
        uid,
        gid,
        mtime,
        size,
        device: (major, minor),
        xattrs,
    } = member;
    let damaged = |what: String| LayerError::Archive { offset, what };
    let path = clean(&path);
    if path.contains(&0) || path.len() > MAX_PATH {
        return Err(damaged("its name cannot be one".to_owned()));
    }
    let kind = match kind {
        0 | b'0' | b'7' => Kind::File {
            size,
            digest: UNKNOWN_DIGEST,
        },
        b'1' => Kind::HardLink {
            target: clean(&link).into(),
        },
        b'2' => Kind::Symlink { target: link.into() },
        b'3' => Kind::Character { major, minor },
        b'4' => Kind::Block { major, minor },
        // GNU's directories of incremental backups have their entries' names for data.
        b'5' | b'D' => Kind::Directory { opaque: false },
        b'6' => Kind::Fifo,
        other => {
            return Err(damaged(format!(
                "`{}` has the unknown type `{}`",
                path.escape_ascii(),
                other.escape_ascii()
            )));
        }
    };
    if path.is_empty() && !matches!(kind, Kind::Directory { .. }) {
        return Err(damaged("something that is no directory has the root's name".to_owned()));
    }
    Ok(Some(Entry {
        path: path.into(),
        kind,
        mode,
        uid,
        gid,
        mtime,
        xattrs,
    }))
}
