//! Images handed out in every way, and judged by other programs.

mod ahead;
mod files;
mod images;
mod indexes;
mod peers;

use super::*;
use crate::digest::{ContentId, FileHasher};
use crate::layer::{Entry, Kind, Listing, Time, TreePath};
use crate::oci::{ImageConfig, Reference, RunConfig};
use crate::store::Store;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

const NEVER: &(dyn Fn() -> bool + Sync) = &|| false;

/// A folder with a store in it.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

/// One entry of a layer.
#[derive(Clone)]
enum What {
    File(&'static str, Vec<u8>),
    Folder(&'static str),
    Opaque(&'static str),
    Symlink(&'static str, &'static str),
    Link(&'static str, &'static str),
    Removed(&'static str),
    Fifo(&'static str),
}

use What::{Fifo, File, Folder, Link, Opaque, Removed, Symlink};

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Keeps a delta; its files have the time `seconds`.
    fn delta(&self, seconds: i64, contents: &[What]) -> ContentId {
        let draft = self.store.draft().unwrap();
        let mut entries = Vec::new();
        for what in contents {
            let (path, kind, mode) = match what {
                File(path, bytes) => {
                    let digest = FileHasher::of(bytes);
                    let size = bytes.len() as u64;
                    (path, Kind::File { size, digest }, 0o640)
                }
                Folder(path) => (path, Kind::Directory { opaque: false }, 0o755),
                Opaque(path) => (path, Kind::Directory { opaque: true }, 0o755),
                Symlink(path, target) => {
                    let target = target.as_bytes().into();
                    (path, Kind::Symlink { target }, 0o777)
                }
                Link(path, target) => {
                    let target: TreePath = target.as_bytes().into();
                    (path, Kind::HardLink { target }, 0o640)
                }
                Removed(path) => (path, Kind::Whiteout, 0),
                Fifo(path) => (path, Kind::Fifo, 0o600),
            };
            let at = draft.tree().join(path);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            match what {
                File(_, bytes) => std::fs::write(&at, bytes).unwrap(),
                Folder(_) | Opaque(_) => std::fs::create_dir_all(&at).unwrap(),
                Symlink(_, target) => symlink(target, &at).unwrap(),
                // Only files are read back from the disk.
                Link(_, target) => drop(std::fs::hard_link(draft.tree().join(target), &at)),
                Removed(_) | Fifo(_) => (),
            }
            entries.push(Entry {
                path: path.as_bytes().into(),
                kind,
                mode,
                uid: 0,
                gid: 0,
                mtime: Time {
                    seconds,
                    nanoseconds: 0,
                },
                xattrs: Default::default(),
            });
        }
        let listing = Listing::from_entries(entries).unwrap();
        // Whiteouts and fifos are only in the listing; nobody mounts this.
        self.store.keep(draft, &listing).unwrap()
    }

    fn image(&self, layers: &[ContentId]) -> Image {
        Image {
            config: ImageConfig {
                architecture: "amd64".to_owned(),
                os: "linux".to_owned(),
                config: RunConfig {
                    env: vec!["PATH=/bin".to_owned()],
                    cmd: Some(vec!["/bin/sh".to_owned()]),
                    ..RunConfig::default()
                },
                ..ImageConfig::default()
            },
            layers: layers.iter().copied().map(LayerSource::Delta).collect(),
            history: layers
                .iter()
                .map(|_| HistoryLine {
                    created_by: "RUN true # buildkit".to_owned(),
                    layer: Some(at(1_600_000_000)),
                })
                .chain([HistoryLine {
                    created_by: "CMD [\"/bin/sh\"]".to_owned(),
                    layer: None,
                }])
                .collect(),
            created: at(1_700_000_000),
        }
    }

    fn export(&self, image: &Image, output: Output<'_>, options: &Options) -> Exported {
        export(&self.store, &[Member::plain(image)], output, options, NEVER).unwrap()
    }
}

fn at(seconds: i64) -> Time {
    Time {
        seconds,
        nanoseconds: 0,
    }
}

fn file(path: &'static str, content: &str) -> What {
    File(path, content.as_bytes().to_vec())
}

fn named(names: &[&str]) -> Options {
    Options {
        names: names.iter().map(|name| Reference::parse(name).unwrap()).collect(),
        ..Options::default()
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Names in a folder, sorted.
fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
