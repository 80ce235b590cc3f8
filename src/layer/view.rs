//! A stack of listings as one root file system, without a mount and without a disk.

use super::entry::{Entry, Kind, TreePath, tree_order};
use super::listing::{Listing, is_below, plain_directory};
use std::sync::Arc;

/// A root file system seen through the listings of its deltas.
///
/// Follows the rules of overlayfs: what stands higher wins; directories merge, unless one is opaque or something
/// that is no directory stands between them; a whiteout removes.
#[derive(Debug, Clone)]
pub struct View {
    /// Lowest first.
    layers: Vec<Arc<Listing>>,
    /// Stands for the root when no layer describes it.
    root: Entry,
}

/// An entry and the delta that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// Place in the stack, 0 is the lowest; means nothing for a root that no layer describes.
    pub layer: usize,
    /// Never a whiteout.
    pub entry: &'a Entry,
}

impl View {
    /// Stacks listings, lowest first.
    pub fn new(layers: Vec<Arc<Listing>>) -> Self {
        Self {
            layers,
            root: plain_directory(TreePath::default()),
        }
    }

    /// The listings, lowest first.
    pub fn layers(&self) -> &[Arc<Listing>] {
        &self.layers
    }

    /// What stands at a path; symbolic links are not followed.
    pub fn get(&self, path: &[u8]) -> Option<Found<'_>> {
        self.open(path).map(|(found, _)| found)
    }

    /// The entries in a directory, in tree order; none when the path is no directory.
    pub fn read_dir(&self, path: &[u8]) -> Vec<Found<'_>> {
        match self.open(path) {
            Some((_, Some(directory))) => directory.children().into_iter().map(|child| child.found).collect(),
            _ => Vec::new(),
        }
    }

    /// The entry at a path and everything below it, in tree order; symbolic links are not followed.
    pub fn walk(&self, path: &[u8]) -> Walk<'_> {
        let start = self.open(path).map(|(found, directory)| Child { found, directory });
        Walk {
            pending: start.into_iter().collect(),
            alone: None,
        }
    }

    /// The entry that says what an entry is: the one that a hard link names, and of all others the entry itself.
    pub fn file_of<'a>(&'a self, found: &Found<'a>) -> &'a Entry {
        match self.layers.get(found.layer) {
            Some(layer) => layer.file_of(found.entry),
            None => found.entry,
        }
    }

    /// What stands at a path, and how to look into it when it is a directory.
    pub(super) fn open(&self, path: &[u8]) -> Option<(Found<'_>, Option<Directory<'_>>)> {
        let (mut found, mut directory) = (self.root_found(), Some(self.root_directory()));
        if !path.is_empty() {
            for name in path.split(|byte| *byte == b'/') {
                let child = directory?.child(name)?;
                (found, directory) = (child.found, child.directory);
            }
        }
        Some((found, directory))
    }

    pub(super) fn root_found(&self) -> Found<'_> {
        let described = self.layers.iter().enumerate().rev().find_map(|(layer, listing)| {
            let entry = listing.entries().first().filter(|entry| entry.path.is_empty())?;
            Some(Found { layer, entry })
        });
        described.unwrap_or(Found {
            layer: 0,
            entry: &self.root,
        })
    }

    pub(super) fn root_directory(&self) -> Directory<'_> {
        let mut parts = Vec::new();
        for (layer, listing) in self.layers.iter().enumerate().rev() {
            let entries = listing.below(b"");
            if !entries.is_empty() {
                parts.push(Part { layer, entries });
            }
            let root = listing.entries().first().filter(|entry| entry.path.is_empty());
            if root.is_some_and(is_opaque) {
                break;
            }
        }
        Directory { start: 0, parts }
    }
}

/// A merged directory: the range that each delta has for it.
#[derive(Debug, Clone)]
pub(super) struct Directory<'a> {
    /// Where names of children begin in the paths.
    start: usize,
    /// Highest first; none is empty.
    parts: Vec<Part<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    layer: usize,
    /// Everything below the directory.
    entries: &'a [Entry],
}

/// An entry of a merged directory.
#[derive(Debug, Clone)]
pub(super) struct Child<'a> {
    pub(super) found: Found<'a>,
    /// Of directories.
    pub(super) directory: Option<Directory<'a>>,
}

impl<'a> Directory<'a> {
    /// One entry by its name.
    pub(super) fn child(&self, name: &[u8]) -> Option<Child<'a>> {
        let hits = self.parts.iter().filter_map(|part| {
            let order = |entry: &Entry| tree_order(&entry.path[self.start..], name);
            let at = part.entries.binary_search_by(order).ok()?;
            Some(Part {
                layer: part.layer,
                entries: &part.entries[at..],
            })
        });
        merge(hits)
    }

    /// All entries, in tree order.
    pub(super) fn children(&self) -> Vec<Child<'a>> {
        let mut all = Vec::new();
        for part in &self.parts {
            let mut entries = part.entries;
            while let Some(entry) = entries.first() {
                all.push(Part {
                    layer: part.layer,
                    entries,
                });
                entries = &entries[1 + span_below(&entries[1..], &entry.path)..];
            }
        }
        if self.parts.len() > 1 {
            // The sort is stable and the parts stand highest first, so equal names stay highest first.
            all.sort_by(|a, b| tree_order(&a.entries[0].path[self.start..], &b.entries[0].path[self.start..]));
        }
        all.chunk_by(|a, b| a.entries[0].path == b.entries[0].path)
            .filter_map(|same| merge(same.iter().copied()))
            .collect()
    }
}

/// Applies overlayfs' rules to what the deltas have at one path, highest first; each part begins with that entry.
fn merge<'a>(hits: impl Iterator<Item = Part<'a>>) -> Option<Child<'a>> {
    let mut child: Option<Child<'a>> = None;
    for Part { layer, entries } in hits {
        let (entry, rest) = entries.split_first()?;
        if !matches!(entry.kind, Kind::Directory { .. }) {
            if child.is_none() && entry.kind != Kind::Whiteout {
                return Some(Child {
                    found: Found { layer, entry },
                    directory: None,
                });
            }
            break;
        }
        let child = child.get_or_insert_with(|| Child {
            found: Found { layer, entry },
            directory: Some(Directory {
                start: entry.path.len() + 1,
                parts: Vec::new(),
            }),
        });
        let below = &rest[..span_below(rest, &entry.path)];
        if let Some(directory) = child.directory.as_mut().filter(|_| !below.is_empty()) {
            directory.parts.push(Part { layer, entries: below });
        }
        if is_opaque(entry) {
            break;
        }
    }
    child
}

/// How many of the entries that follow a directory stand below it.
fn span_below(entries: &[Entry], above: &[u8]) -> usize {
    // Gallops: most entries are files with nothing below, most directories small.
    let mut high = 1;
    while high <= entries.len() && is_below(&entries[high - 1].path, above) {
        high *= 2;
    }
    let low = high / 2;
    let high = high.min(entries.len());
    low + entries[low..high].partition_point(|entry| is_below(&entry.path, above))
}

fn is_opaque(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::Directory { opaque: true })
}

/// Goes through a [`View`] in tree order.
#[derive(Debug)]
pub struct Walk<'a> {
    /// The next one last.
    pending: Vec<Child<'a>>,
    /// What is left of a subtree that one delta alone describes.
    alone: Option<Part<'a>>,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        while let Some(Part { layer, entries }) = &mut self.alone {
            let Some((entry, rest)) = entries.split_first() else {
                self.alone = None;
                break;
            };
            *entries = rest;
            if entry.kind != Kind::Whiteout {
                return Some(Found { layer: *layer, entry });
            }
        }
        let Child { found, directory } = self.pending.pop()?;
        if let Some(directory) = directory {
            match directory.parts.as_slice() {
                [part] => self.alone = Some(*part),
                _ => self.pending.extend(directory.children().into_iter().rev()),
            }
        }
        Some(found)
    }
}
