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
    /// Looks through the layers of an image. With an epoch, all files are as old as it.
    pub(super) fn new(packer: &Packer<'_>, image: &Image) -> Result<Self, ExportError> {
        let mut deltas = Vec::with_capacity(image.layers.len());
        for layer in &image.layers {
            let content = match layer {
                LayerSource::Delta(content) => *content,
                LayerSource::Blob { diff_id, .. } => {
                    let content = packer.store.content_of(diff_id)?;
                    content.ok_or(ExportError::NotUnpacked(*diff_id))?
                }
            };
            let delta = packer.store.delta(&content)?;
            deltas.push(delta.ok_or(StoreError::NoDelta(content))?);
        }
        let listings = deltas
            .iter()
            .map(Delta::listing)
            .collect::<Result<Vec<Arc<Listing>>, _>>()?;
        let view = View::new(listings);
        let time = packer.epoch.map(|epoch| epoch.time());
        let mut entries = Vec::new();
        let mut contents = HashMap::new();
        // A hard link's first name may be hidden by a higher layer; then its next name is the first.
        let mut first_names: HashMap<(usize, &[u8]), TreePath> = HashMap::new();
        for found in view.walk(b"") {
            if found.entry.path.is_empty() {
                continue;
            }
            let mut entry = found.entry.clone();
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
                            contents.insert(entry.path.clone(), (found.layer, file.path.clone()));
                        }
                    }
                },
            }
            entries.push(entry);
        }
        drop(first_names);
        let listing = Listing::from_entries(entries).map_err(|error| ExportError::PackTree(error.into()))?;
        Ok(Self {
            deltas,
            listing,
            contents,
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

/// The time of a file for the kernel.
pub(super) fn timespec(time: Time) -> rustix::fs::Timespec {
    rustix::fs::Timespec {
        tv_sec: time.seconds,
        tv_nsec: time.nanoseconds.into(),
    }
}
