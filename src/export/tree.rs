//! The image's files as one tree, without layers.

use super::ExportError;
use super::image::{Image, LayerSource};
use super::layers::{Cancellable, Packer};
use crate::layer::{Entry, Kind, Listing, TarOptions, Time, TreePath, View, write_tar};
use crate::store::{Delta, StoreError};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

/// The visible files of an image, in tree order, each with the place of its content.
#[derive(Debug)]
pub(super) struct Tree {
    deltas: Vec<Delta>,
    listing: Listing,
    /// Of each file: the delta and the path in it that have the content.
    contents: HashMap<TreePath, (usize, TreePath)>,
}

impl Tree {
    /// Looks through the layers of images. With an epoch, all files are as old as it.
    ///
    /// Each image is below the folder of its own, if it has one. Where they have none, files of several images must not
    /// have the same name.
    pub(super) fn new(packer: &Packer<'_>, images: &[(Option<String>, &Image)]) -> Result<Self, ExportError> {
        let mut all = Gathered::default();
        for (folder, image) in images {
            all.add(packer, folder.as_deref(), image)?;
        }
        let listing = Listing::from_entries(all.entries).map_err(|error| ExportError::PackTree(error.into()))?;
        Ok(Self {
            deltas: all.deltas,
            listing,
            contents: all.contents,
        })
    }

    /// All entries, in tree order; without the root.
    pub(super) fn entries(&self) -> &[Entry] {
        // A listing may add the root by itself.
        self.listing.below(b"")
    }

    /// The entry that says what an entry is: of a hard link its first name, of all others itself.
    pub(super) fn file_of<'a>(&'a self, entry: &'a Entry) -> &'a Entry {
        self.listing.file_of(entry)
    }

    /// Opens a file.
    pub(super) fn open(&self, entry: &Entry) -> io::Result<File> {
        let (delta, path) = self.contents.get(&entry.path).ok_or(io::ErrorKind::NotFound)?;
        self.deltas[*delta].open_file(path)
    }

    /// Writes all of it as one tar.
    pub(super) fn write_tar(
        &self,
        packer: &Packer<'_>,
        out: &mut dyn Write,
        failed: &dyn Fn(io::Error) -> ExportError,
    ) -> Result<(), ExportError> {
        let mut out = io::BufWriter::with_capacity(1 << 17, Cancellable::new(out, packer.cancelled));
        let written = write_tar(
            &self.listing,
            &|entry| self.open(entry),
            &TarOptions::default(),
            &mut out,
        )
        .map_err(ExportError::PackTree)
        .and_then(|()| out.flush().map_err(failed));
        match written {
            Err(_) if (packer.cancelled)() => Err(ExportError::Cancelled),
            other => other,
        }
    }
}

/// What a tree is made of, image by image.
#[derive(Default)]
struct Gathered {
    deltas: Vec<Delta>,
    entries: Vec<Entry>,
    contents: HashMap<TreePath, (usize, TreePath)>,
}

impl Gathered {
    fn add(&mut self, packer: &Packer<'_>, folder: Option<&str>, image: &Image) -> Result<(), ExportError> {
        // Of the images before: which names there are, and whether they are directories.
        let directory = |entry: &Entry| matches!(entry.kind, Kind::Directory { .. });
        let known = self.entries.iter().filter(|_| folder.is_none());
        let known: HashMap<TreePath, bool> = known.map(|entry| (entry.path.clone(), directory(entry))).collect();
        let lowest = self.deltas.len();
        let mut listings: Vec<Arc<Listing>> = Vec::with_capacity(image.layers.len());
        for layer in &image.layers {
            let content = match layer {
                LayerSource::Delta(content) => *content,
                LayerSource::Told { layer, .. } => return Err(ExportError::NotUnpacked(layer.diff_id)),
                LayerSource::Blob { diff_id, .. } => {
                    let content = packer.store.content_of(diff_id)?;
                    content.ok_or(ExportError::NotUnpacked(*diff_id))?
                }
            };
            let delta = packer.store.delta(&content)?;
            let delta = delta.ok_or(StoreError::NoDelta(content))?;
            listings.push(delta.listing()?);
            self.deltas.push(delta);
        }
        let view = View::new(listings);
        let time = packer.epoch.map(|epoch| epoch.time());
        let below = |path: &TreePath| match folder {
            None => path.clone(),
            Some(folder) => [folder.as_bytes(), b"/", &path[..]].concat().as_slice().into(),
        };
        if let Some(folder) = folder {
            self.entries.push(Entry {
                path: folder.as_bytes().into(),
                kind: Kind::Directory { opaque: false },
                mode: 0o755,
                uid: 0,
                gid: 0,
                mtime: image.created(packer.epoch.as_ref()),
                xattrs: Vec::new(),
            });
        }
        // A hard link's first name may be hidden by a higher layer; then its next name is the first.
        let mut first_names: HashMap<(usize, &[u8]), TreePath> = HashMap::new();
        for found in view.walk(b"") {
            if found.entry.path.is_empty() {
                continue;
            }
            let mut entry = found.entry.clone();
            entry.path = below(&entry.path);
            entry.mtime = time.unwrap_or(entry.mtime);
            let file = view.file_of(&found);
            match (&mut entry.kind, &file.kind) {
                (Kind::Directory { opaque }, _) => *opaque = false,
                (kind, first) => match first_names.get(&(found.layer, &file.path[..])) {
                    Some(first) => {
                        *kind = Kind::HardLink { target: first.clone() };
                    }
                    None => {
                        *kind = first.clone();
                        first_names.insert((found.layer, &file.path[..]), entry.path.clone());
                        if matches!(first, Kind::File { .. }) {
                            let content = (lowest + found.layer, file.path.clone());
                            self.contents.insert(entry.path.clone(), content);
                        }
                    }
                },
            }
            match (known.get(&entry.path), &entry.kind) {
                (None, _) => self.entries.push(entry),
                // A directory of several images is that of the first.
                (Some(true), Kind::Directory { .. }) => {}
                (Some(_), _) => return Err(ExportError::SamePath(String::from_utf8_lossy(&entry.path).into_owned())),
            }
        }
        Ok(())
    }
}

/// The time of a file for the kernel.
pub(super) fn timespec(time: Time) -> rustix::fs::Timespec {
    rustix::fs::Timespec {
        tv_sec: time.seconds,
        tv_nsec: time.nanoseconds.into(),
    }
}
