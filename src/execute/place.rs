//! Puts entries into the delta of a COPY, ADD or WORKDIR: parents, owners, modes and clashes.

use super::ExecuteError;
use super::mode::ModeChange;
use super::owner::Owner;
use crate::layer::{Content, DeltaWriter, Entry, Kind, Listing, Time, TreePath, View};

/// A delta that is being made on top of a root file system.
pub(super) struct Placement<'a> {
    /// What is below; empty for `COPY --link`.
    below: &'a View,
    writer: DeltaWriter,
    /// The directory that was seen to be there last: most entries stand in the same one as the entry before.
    last: TreePath,
    owner: Option<Owner>,
    mode: Option<ModeChange>,
    now: Time,
}

impl<'a> Placement<'a> {
    pub(super) fn new(
        below: &'a View,
        writer: DeltaWriter,
        owner: Option<Owner>,
        mode: Option<ModeChange>,
        now: Time,
    ) -> Self {
        Self {
            below,
            writer,
            last: TreePath::default(),
            owner,
            mode,
            now,
        }
    }

    /// Where a destination leads inside the root file system: links followed, `..` clamped.
    pub(super) fn resolve(&self, destination: &[u8]) -> Result<TreePath, ExecuteError> {
        Ok(self.below.resolve(destination, true)?.path)
    }

    /// Whether a directory stands at a resolved path; `None` when nothing does.
    fn there(&self, path: &[u8]) -> Option<bool> {
        if path.is_empty() {
            return Some(true);
        }
        match self.writer.get(path) {
            Some(entry) => Some(is_directory(&entry.kind)),
            None => self.below.get(path).map(|found| is_directory(&found.entry.kind)),
        }
    }

    /// Whether a directory stands at a resolved path.
    pub(super) fn is_directory(&self, path: &[u8]) -> bool {
        self.there(path) == Some(true)
    }

    /// The instruction's owner.
    pub(super) fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Makes a directory and those on the way to it where they are missing; existing ones stay as they are.
    pub(super) fn directory(&mut self, path: &[u8]) -> Result<(), ExecuteError> {
        let mode = self.mode.as_ref().map_or(0o755, ModeChange::of_made_directories);
        self.directories(path, mode)
    }

    /// As [`Self::directory`], with the mode of what is made.
    pub(super) fn directories(&mut self, path: &[u8], mode: u16) -> Result<(), ExecuteError> {
        if *self.last == *path {
            return Ok(());
        }
        for end in ends(path) {
            let ancestor = &path[..end];
            let entry = match (self.writer.get(ancestor), self.below.get(ancestor)) {
                (Some(made), _) if is_directory(&made.kind) => continue,
                (None, Some(found)) if is_directory(&found.entry.kind) => Entry {
                    kind: Kind::Directory { opaque: false },
                    ..found.entry.clone()
                },
                (Some(_), _) | (None, Some(_)) => return Err(ExecuteError::NotADirectory(ancestor.into())),
                (None, None) => {
                    let Owner { uid, gid } = self.owner.unwrap_or_default();
                    let kind = Kind::Directory { opaque: false };
                    Entry {
                        path: ancestor.into(),
                        kind,
                        mode,
                        uid,
                        gid,
                        mtime: self.now,
                        xattrs: Vec::new(),
                    }
                }
            };
            self.writer.put(entry, Content::None)?;
        }
        self.last = path.into();
        Ok(())
    }

    /// Makes ready for an entry at a resolved path, and returns it with the instruction's owner and mode, to be put
    /// with the [writer](Self::writer).
    ///
    /// A directory that exists gets the entry's metadata; a file takes the place of a file or link. A directory
    /// in the place of something else, and something else in the place of a directory, is an error.
    pub(super) fn prepare(&mut self, path: &[u8], entry: &Entry, kind: Kind) -> Result<Entry, ExecuteError> {
        if let Some(slash) = path.iter().rposition(|byte| *byte == b'/') {
            self.directory(&path[..slash])?;
        }
        match (is_directory(&kind), self.there(path)) {
            (true, Some(false)) => return Err(ExecuteError::NotADirectory(path.into())),
            (false, Some(true)) => return Err(ExecuteError::IsADirectory(path.into())),
            _ => {}
        }
        Ok(self.placed(path, entry, kind))
    }

    /// An entry with the instruction's owner and mode.
    fn placed(&self, path: &[u8], entry: &Entry, kind: Kind) -> Entry {
        let Owner { uid, gid } = self.owner.unwrap_or(Owner {
            uid: entry.uid,
            gid: entry.gid,
        });
        let mode = match (&self.mode, &kind) {
            (Some(change), kind) if !matches!(kind, Kind::Symlink { .. }) => {
                change.apply(entry.mode, is_directory(kind))
            }
            _ => entry.mode,
        };
        Entry {
            path: path.into(),
            kind,
            mode,
            uid,
            gid,
            mtime: entry.mtime,
            xattrs: entry.xattrs.clone(),
        }
    }

    /// What writes the delta, for archives; what is put past this placement has to keep to its rules.
    pub(super) fn writer(&self) -> &DeltaWriter {
        &self.writer
    }

    /// Ends the delta.
    pub(super) fn finish(self) -> Result<Listing, ExecuteError> {
        Ok(self.writer.finish()?)
    }
}

fn is_directory(kind: &Kind) -> bool {
    matches!(kind, Kind::Directory { .. })
}

/// Where each component of a path ends, the outermost first.
fn ends(path: &[u8]) -> Vec<usize> {
    if path.is_empty() {
        return Vec::new();
    }
    let slashes = path
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| at);
    slashes.chain([path.len()]).collect()
}
