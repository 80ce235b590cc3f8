//! Layouts of images: directories, tar files of them, and what `docker save` writes.

use super::archive::{Archive, FileRange};
use super::docker::Saved;
use super::documents::{Descriptor, Index, annotations};
use super::{OciError, media};
use crate::digest::{BlobDigest, Sha256, Verifying};
use rustix::fs::{Mode, OFlags, openat};
use serde::Deserialize;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest index, manifest or config that is read, in bytes.
pub(super) const LARGEST_DOCUMENT: u64 = 8 << 20;

/// Images on disk, ready to be chosen from: see [`Layout::image`](super::ImageSource).
///
/// Cloning is cheap and gives the same layout.
#[derive(Debug, Clone)]
pub struct Layout(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    source: Source,
    index: Index,
}

#[derive(Debug)]
enum Source {
    Directory(OwnedFd),
    Archive(Archive),
    /// A tar of `docker save` without an OCI layout in it.
    Saved(Box<Saved>),
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

impl Layout {
    /// Opens a directory with an OCI layout, a tar file of one, or a tar file written by `docker save`.
    ///
    /// A tar file's headers are read once; nothing is unpacked.
    pub fn open(path: &Path) -> Result<Self, OciError> {
        let io = |action| {
            move |source| OciError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        // Not blocking: opening a named pipe for reading would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = openat(rustix::fs::CWD, path, flags, Mode::empty())
            .map(File::from)
            .map_err(|errno| io("open")(errno.into()))?;
        let kind = file.metadata().map_err(io("look at"))?.file_type();
        let source = if kind.is_dir() {
            Source::Directory(file.into())
        } else if kind.is_file() {
            let archive = Archive::open(path, file)?;
            if archive.find("index.json").is_none() && archive.find("manifest.json").is_some() {
                Source::Saved(Box::new(Saved::new(path, archive)?))
            } else {
                Source::Archive(archive)
            }
        } else {
            return Err(OciError::NotALayout {
                path: path.to_owned(),
                reason: "it is neither a directory nor a file".to_owned(),
            });
        };
        let index = match &source {
            Source::Saved(saved) => saved.index().clone(),
            _ => {
                check_version(path, &source)?;
                let text = read_named(path, &source, "index.json")?;
                Index::from_bytes(&text)?
            }
        };
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            source,
            index,
        })))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Its `index.json`.
    pub fn index(&self) -> &Index {
        &self.0.index
    }

    /// Opens a blob; the reader checks size and digest before it says end.
    pub fn open_blob(&self, what: &'static str, descriptor: &Descriptor) -> Result<LayoutReader, OciError> {
        let (digest, size) = (descriptor.digest, descriptor.size);
        let range = match self.find_blob(&digest)? {
            Some(blob) => blob.0,
            None => {
                return Err(OciError::Missing {
                    what,
                    digest,
                    path: self.path().to_owned(),
                });
            }
        };
        Ok(LayoutReader(Verifying::new(range, digest, size)))
    }

    /// A blob as a part of a file, for copying inside the kernel. Nothing is checked.
    pub fn find_blob(&self, digest: &BlobDigest) -> Result<Option<LayoutBlob>, OciError> {
        let name = format!("blobs/sha256/{}", digest.hex());
        match &self.0.source {
            Source::Saved(saved) => Ok(saved.find(digest).map(LayoutBlob)),
            source => Ok(find(&self.0.path, source, &name)?.map(LayoutBlob)),
        }
    }

    /// Reads a small blob whole and checked.
    pub(super) fn read(&self, what: &'static str, descriptor: &Descriptor) -> Result<Vec<u8>, OciError> {
        if descriptor.size > LARGEST_DOCUMENT {
            return Err(OciError::TooLarge {
                what,
                digest: descriptor.digest,
                size: descriptor.size,
                limit: LARGEST_DOCUMENT,
            });
        }
        let mut reader = self.open_blob(what, descriptor)?;
        let mut bytes = Vec::with_capacity(usize::try_from(descriptor.size).unwrap_or_default());
        match reader.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(source) => Err(match reader.0.verdict() {
                Some(verdict) => OciError::Damaged {
                    what,
                    source: verdict.clone(),
                },
                None => OciError::Io {
                    action: "read a blob of",
                    path: self.path().to_owned(),
                    source,
                },
            }),
        }
    }
}

/// A blob of a layout on its way out: checked at the end.
#[derive(Debug)]
pub struct LayoutReader(Verifying<FileRange>);

impl LayoutReader {
    /// Bytes that the descriptor promises.
    pub fn size(&self) -> u64 {
        self.0.size()
    }
}

impl Read for LayoutReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Where a blob's bytes are.
#[derive(Debug, Clone)]
pub struct LayoutBlob(FileRange);

impl LayoutBlob {
    /// The file that holds them.
    pub fn file(&self) -> &File {
        self.0.place().0
    }

    /// Where in that file they begin.
    pub fn offset(&self) -> u64 {
        self.0.place().1
    }

    /// How many there are.
    pub fn size(&self) -> u64 {
        self.0.size()
    }
}

/// The names by which an image of an index can be asked for.
pub(super) fn names_of(descriptor: &Descriptor) -> impl Iterator<Item = &str> {
    [annotations::REF_NAME, annotations::IMAGE_NAME]
        .into_iter()
        .filter_map(|key| descriptor.annotations.get(key))
        .map(String::as_str)
}

fn check_version(path: &Path, source: &Source) -> Result<(), OciError> {
    let text = read_named(path, source, "oci-layout")?;
    let found: Version = serde_json::from_slice(&text).map_err(|source| OciError::Document {
        what: "`oci-layout` file",
        source,
    })?;
    if found.version.starts_with("1.") {
        return Ok(());
    }
    Err(OciError::NotALayout {
        path: path.to_owned(),
        reason: format!("its version is `{}`, and only version 1 is known", found.version),
    })
}

/// Reads a small file of a layout by its name.
fn read_named(path: &Path, source: &Source, name: &str) -> Result<Vec<u8>, OciError> {
    let range = find(path, source, name)?.ok_or_else(|| OciError::NotALayout {
        path: path.to_owned(),
        reason: format!("it has no `{name}`"),
    })?;
    read_range(path, range, "read a file of")
}

pub(super) fn read_range(path: &Path, range: FileRange, action: &'static str) -> Result<Vec<u8>, OciError> {
    if range.size() > LARGEST_DOCUMENT {
        return Err(OciError::NotALayout {
            path: path.to_owned(),
            reason: "a document in it is too large".to_owned(),
        });
    }
    let mut bytes = Vec::new();
    let mut range = range;
    range.read_to_end(&mut bytes).map_err(|source| OciError::Io {
        action,
        path: path.to_owned(),
        source,
    })?;
    Ok(bytes)
}

fn find(path: &Path, source: &Source, name: &str) -> Result<Option<FileRange>, OciError> {
    let directory = match source {
        Source::Directory(directory) => directory,
        Source::Archive(archive) => return Ok(archive.find(name)),
        Source::Saved(_) => return Ok(None),
    };
    // Links are followed: build systems make layouts of links, and what counts is the digest.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        Err(errno) => {
            return Err(OciError::Io {
                action: "open",
                path: path.join(name),
                source: errno.into(),
            });
        }
    };
    let found = file.metadata().map_err(|source| OciError::Io {
        action: "look at",
        path: path.join(name),
        source,
    })?;
    if !found.is_file() {
        return Ok(None);
    }
    Ok(Some(FileRange::new(&Arc::new(file), 0, found.len())))
}

/// Names bytes that have no descriptor.
pub(super) fn descriptor_of(path: &Path, media_type: &str, mut range: FileRange) -> Result<Descriptor, OciError> {
    let size = range.size();
    let mut hash = Sha256::new();
    io::copy(&mut range, &mut hash).map_err(|source| OciError::Io {
        action: "read a member of",
        path: path.to_owned(),
        source,
    })?;
    Ok(Descriptor::new(media_type, hash.blob_digest(), size))
}

/// Whether a media type is worth looking into for images.
pub(super) fn may_be_image(descriptor: &Descriptor) -> bool {
    let known = matches!(descriptor.kind(), media::Kind::Index | media::Kind::Manifest);
    (known || descriptor.media_type.is_empty()) && descriptor.artifact_type.is_none()
}
