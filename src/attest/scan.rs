//! Inventories of root file systems in the store, each of which is taken once.

use crate::digest::{ContentId, TreeId};
use crate::inventory::{self, Bytes, FileFact, Files, Inventory};
use crate::layer::{Kind, TreePath, View};
use crate::store::{Delta, Store, StoreError};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// The kind of memo that knows the inventory of a tree; another number when inventories find other things.
const INVENTORY: &str = "inventory 1";

/// What an earlier [`scan`] of a tree found.
///
/// # Errors
/// When the store can't be read.
pub fn scanned(store: &Store, tree: &TreeId) -> Result<Option<Inventory>, StoreError> {
    let known = store.memo(INVENTORY, tree.as_bytes())?;
    Ok(known.and_then(|known| serde_json::from_slice(&known).ok()))
}

/// Takes the inventory of a tree, and remembers it. Its deltas, lowest first, are read through their listings and not
/// mounted.
///
/// # Errors
/// When a delta is gone, or the store can't be written.
pub fn scan(store: &Store, tree: &TreeId, deltas: &[ContentId]) -> Result<Inventory, StoreError> {
    let held = deltas
        .iter()
        .map(|content| store.delta(content)?.ok_or(StoreError::NoDelta(*content)))
        .collect::<Result<Vec<Delta>, _>>()?;
    let listings = held.iter().map(Delta::listing).collect::<Result<Vec<_>, _>>()?;
    let open = |layer: usize, path: &[u8]| held[layer].open_file(path);
    scan_view(store, tree, &View::new(listings), &open)
}

/// The same of a view; `open` opens a file of one of its layers.
pub(super) fn scan_view(
    store: &Store,
    tree: &TreeId,
    view: &View,
    open: &dyn Fn(usize, &[u8]) -> io::Result<File>,
) -> Result<Inventory, StoreError> {
    let found = inventory::take(&Tree::new(view, open));
    let memo = serde_json::to_vec(&found).unwrap_or_default();
    store.put_memo(INVENTORY, tree.as_bytes(), &memo)?;
    Ok(found)
}

/// The files of a view that may tell of software.
struct Tree<'a> {
    facts: Vec<FileFact>,
    /// Of each: its name in its layer, which hard links have from another.
    places: Vec<TreePath>,
    open: &'a dyn Fn(usize, &[u8]) -> io::Result<File>,
}

impl<'a> Tree<'a> {
    fn new(view: &View, open: &'a dyn Fn(usize, &[u8]) -> io::Result<File>) -> Self {
        let mut tree = Self {
            facts: Vec::new(),
            places: Vec::new(),
            open,
        };
        for found in view.walk(b"") {
            let file = view.file_of(&found);
            let Kind::File { size, .. } = file.kind else { continue };
            let Ok(path) = std::str::from_utf8(&found.entry.path) else {
                continue;
            };
            let executable = file.mode & 0o111 != 0;
            if inventory::wanted(path, executable) {
                tree.facts.push(FileFact {
                    path: path.to_owned(),
                    size,
                    executable,
                    layer: found.layer,
                });
                tree.places.push(file.path.clone());
            }
        }
        tree
    }
}

impl Files for Tree<'_> {
    fn all(&self) -> &[FileFact] {
        &self.facts
    }

    fn open(&self, file: &FileFact) -> io::Result<Box<dyn Bytes>> {
        // In tree order, in which a slash comes first.
        let at = self
            .facts
            .binary_search_by(|it| crate::layer::tree_order(it.path.as_bytes(), file.path.as_bytes()))
            .map_err(|_| io::ErrorKind::NotFound)?;
        Ok(Box::new(Content((self.open)(file.layer, &self.places[at])?)))
    }
}

struct Content(File);

impl Bytes for Content {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}
