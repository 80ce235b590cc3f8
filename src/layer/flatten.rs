//! A stack of deltas as one, for stacks that are higher than overlayfs takes.

use super::content::Content;
use super::disk;
use super::entry::{Entry, Kind, TreePath};
use super::error::LayerError;
use super::listing::{Listing, ListingError};
use super::view::{Found, View};
use super::writer::DeltaWriter;
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use rustix::fs::OFlags;
use std::collections::HashMap;
use std::os::fd::{AsFd as _, BorrowedFd};

/// The listing of everything that a view shows, as a delta that needs nothing below it.
///
/// Whiteouts and opaque directories have done their work and are gone. Names of one inode stay names of one inode;
/// when the first of them is hidden, the next one takes its place.
pub fn flatten(view: &View) -> Result<Listing, ListingError> {
    Listing::from_entries(merged(view).into_iter().map(|merged| merged.entry).collect())
}

/// Puts everything that a view shows into a new delta; its listing will be that of [`flatten`].
///
/// `trees` are the directories of the view's deltas, lowest first. Files are shared with them where the file system
/// can, and copied where not; none of the trees may ever be written again.
///
/// # Panics
/// When there are fewer trees than deltas.
pub fn flatten_to(view: &View, trees: &[BorrowedFd<'_>], writer: &DeltaWriter) -> Result<(), LayerError> {
    assert!(trees.len() >= view.layers().len(), "every delta of the view has a tree");
    let merged = merged(view);
    let (directories, others): (Vec<_>, Vec<_>) = merged
        .into_iter()
        .partition(|it| matches!(it.entry.kind, Kind::Directory { .. }));
    let (links, files): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|it| matches!(it.entry.kind, Kind::HardLink { .. }));
    for it in directories {
        writer.put(it.entry, Content::None)?;
    }
    files.par_iter().try_for_each(|Merged { entry, found }| {
        if !matches!(entry.kind, Kind::File { .. }) {
            return writer.put(entry.clone(), Content::None);
        }
        let source = view.file_of(found);
        if writer.link_from(entry, trees[found.layer], source)? {
            return Ok(());
        }
        let file = disk::open_beneath(trees[found.layer], &source.path, OFlags::RDONLY)
            .map_err(LayerError::disk("open", &source.path))?;
        writer.put(entry.clone(), Content::File(file.as_fd()))
    })?;
    links.into_iter().try_for_each(|it| writer.put(it.entry, Content::None))
}

/// What a view shows at one path.
struct Merged<'a> {
    /// As it stands in the flat listing.
    entry: Entry,
    /// As it stands in its delta.
    found: Found<'a>,
}

fn merged(view: &View) -> Vec<Merged<'_>> {
    // The first visible name of each inode that may have several, by its delta and its name there.
    let mut firsts: HashMap<(usize, &[u8]), TreePath> = HashMap::new();
    let mut merged = Vec::new();
    let (root, described) = (
        view.root_found(),
        view.layers().iter().any(|layer| layer.get(b"").is_some()),
    );
    let has_links: Vec<bool> = view.layers().iter().map(|layer| has_links(layer)).collect();
    for found in view.walk(b"") {
        if found == root && !described {
            continue;
        }
        let mut entry = found.entry.clone();
        match entry.kind {
            Kind::Directory { .. } => entry.kind = Kind::Directory { opaque: false },
            _ if has_links[found.layer] => {
                let path = entry.path.clone();
                entry.kind = match &found.entry.kind {
                    Kind::HardLink { target } => match firsts.get(&(found.layer, &target[..])) {
                        Some(first) => Kind::HardLink { target: first.clone() },
                        None => {
                            firsts.insert((found.layer, &target[..]), path);
                            view.layers()[found.layer].file_of(found.entry).kind.clone()
                        }
                    },
                    first => {
                        firsts.insert((found.layer, &found.entry.path[..]), path);
                        first.clone()
                    }
                };
            }
            _ => (),
        }
        merged.push(Merged { entry, found });
    }
    merged
}

fn has_links(listing: &Listing) -> bool {
    listing
        .entries()
        .iter()
        .any(|entry| matches!(entry.kind, Kind::HardLink { .. }))
}
