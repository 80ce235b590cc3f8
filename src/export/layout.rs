//! Layouts: as a tar file in the form of BuildKit's, or as a directory.

use super::ExportError;
use super::archive::ArchiveWriter;
use super::destination::{Sink, create_beside};
use super::layers::{Blob, Bytes, Packer};
use super::packed::{Packed, path_of};
use crate::digest::Sha256;
use crate::oci::{Descriptor, Index, Layout, annotations};
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

impl Packed {
    /// Writes the layout as a tar; with `docker` also what `docker load` reads.
    pub(super) fn write_tar(
        &self,
        packer: &Packer<'_>,
        docker: bool,
        sink: &mut Sink<'_>,
        failed: &dyn Fn(io::Error) -> ExportError,
    ) -> Result<(), ExportError> {
        let mut archive = ArchiveWriter::new(sink, packer.cancelled);
        let told = |error| match (packer.cancelled)() {
            true => ExportError::Cancelled,
            false => failed(error),
        };
        archive.directory("blobs/").map_err(told)?;
        archive.directory("blobs/sha256/").map_err(told)?;
        for (digest, blob) in &self.blobs {
            let name = path_of(digest);
            let size = blob.descriptor.size;
            match &blob.bytes {
                Bytes::Here(bytes) => archive.bytes(&name, bytes).map_err(told)?,
                Bytes::Stored | Bytes::Registry(..) => {
                    let file = open_stored(packer, blob)?;
                    archive.part(&name, &file, 0, size).map_err(told)?;
                }
                Bytes::Layout(part) => archive.part(&name, part.file(), part.offset(), size).map_err(told)?,
                Bytes::Tar { content, clamp } => {
                    let mut hash = Sha256::new();
                    let written = archive.written(&name, size, |out| {
                        let mut out = Hashed { out, hash: &mut hash };
                        packer.write_tar(content, *clamp, &mut out).map_err(Failure::Export)
                    });
                    written.map_err(|failure| match failure {
                        Failure::Export(error) => error,
                        Failure::Io(error) => told(error),
                    })?;
                    if hash.blob_digest() != *digest {
                        return Err(ExportError::Changed(*content));
                    }
                }
            }
        }
        archive.bytes("index.json", &self.entries().to_bytes()).map_err(told)?;
        if docker {
            archive.bytes("manifest.json", &self.saved()).map_err(told)?;
        }
        archive.bytes("oci-layout", OCI_LAYOUT).map_err(told)?;
        archive.finish().map_err(told)
    }

    /// Adds the image to the layout in a directory, which is made when missing.
    ///
    /// Other images in it stay, unless this one takes their names. The index comes last, so that whoever reads the
    /// directory meanwhile sees it as it was or as it will be.
    pub(super) fn write_directory(&self, packer: &Packer<'_>, docker: bool, path: &Path) -> Result<(), ExportError> {
        std::fs::create_dir_all(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => ExportError::NotADirectory(path.to_owned()),
            _ => ExportError::io("create the folder", path)(error),
        })?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(rustix::fs::CWD, path, flags, Mode::empty()).map_err(ExportError::io("open", path))?;
        let blobs = open_folder(folder.as_fd(), "blobs")
            .and_then(|blobs| open_folder(blobs.as_fd(), "sha256"))
            .map_err(ExportError::io("create the folder", path.join("blobs/sha256")))?;
        for (digest, blob) in &self.blobs {
            let name = digest.hex();
            let size = blob.descriptor.size;
            let known = statat(&blobs, name.as_str(), AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|found| u64::try_from(found.st_size) == Ok(size));
            if known {
                continue;
            }
            let at = path.join("blobs/sha256").join(&name);
            replace(blobs.as_fd(), &name, Mode::from(0o444), &at, |file| match &blob.bytes {
                Bytes::Here(bytes) => file.write_all(bytes).map_err(ExportError::io("write", &at)),
                Bytes::Stored | Bytes::Registry(..) => {
                    let from = open_stored(packer, blob)?;
                    let copied = Sink::File(file).copy(&from, 0, size, packer.cancelled);
                    copied.map_err(|error| cancelled_or(packer, error, &at))
                }
                Bytes::Layout(part) => {
                    let copied = Sink::File(file).copy(part.file(), part.offset(), size, packer.cancelled);
                    copied.map_err(|error| cancelled_or(packer, error, &at))
                }
                Bytes::Tar { content, clamp } => {
                    let mut hash = Sha256::new();
                    let mut out = io::BufWriter::with_capacity(1 << 17, &mut *file);
                    packer.write_tar(
                        content,
                        *clamp,
                        &mut Hashed {
                            out: &mut out,
                            hash: &mut hash,
                        },
                    )?;
                    out.flush().map_err(ExportError::io("write", &at))?;
                    if hash.blob_digest() != *digest {
                        return Err(ExportError::Changed(*content));
                    }
                    Ok(())
                }
            })?;
        }
        let plain = Mode::from(0o644);
        let put = |name: &str, bytes: &[u8]| {
            let at = path.join(name);
            replace(folder.as_fd(), name, plain, &at, |file| {
                file.write_all(bytes).map_err(ExportError::io("write", &at))
            })
        };
        if docker {
            put("manifest.json", &self.saved())?;
        }
        let index = self.merged(path);
        put("oci-layout", OCI_LAYOUT)?;
        put("index.json", &index.to_bytes())
    }

    /// The index of the layout at `path` with this image in it. What can't be read as a layout is replaced.
    fn merged(&self, path: &Path) -> Index {
        let Ok(old) = Layout::open(path) else {
            return self.entries().clone();
        };
        let name = |entry: &Descriptor| {
            let name = entry.annotations.get(annotations::IMAGE_NAME);
            name.or_else(|| entry.annotations.get(annotations::REF_NAME)).cloned()
        };
        let mut index = old.index().clone();
        index.manifests.retain(|entry| {
            let replaced = self.entries().manifests.iter().any(|new| match name(entry) {
                Some(known) => name(new).is_some_and(|new| new == known),
                // Without a name it says nothing that the new entry does not.
                None => new.digest == entry.digest,
            });
            !replaced
        });
        // An image without a name takes the place of others without: nobody could ask for them.
        if self.entries().manifests.iter().any(|new| name(new).is_none()) {
            index.manifests.retain(|entry| name(entry).is_some());
        }
        index.manifests.extend(self.entries().manifests.iter().cloned());
        index
    }
}

/// Opens a blob of the store; one that is still in a registry is fetched.
fn open_stored(packer: &Packer<'_>, blob: &Blob) -> Result<File, ExportError> {
    let (digest, size) = (&blob.descriptor.digest, blob.descriptor.size);
    if let Bytes::Registry(pulled, number) = &blob.bytes {
        pulled.fetch(*number, packer.store)?;
    }
    let path = packer.store.blob_path(digest);
    let file = File::open(&path).map_err(ExportError::io("open the blob", &path))?;
    let found = file
        .metadata()
        .map_err(ExportError::io("look at the blob", &path))?
        .len();
    if found != size {
        packer.store.discard_blob(digest)?;
        return Err(crate::store::StoreError::NoBlob(*digest).into());
    }
    Ok(file)
}

fn cancelled_or(packer: &Packer<'_>, error: io::Error, path: &Path) -> ExportError {
    if (packer.cancelled)() {
        ExportError::Cancelled
    } else {
        ExportError::io("write", path)(error)
    }
}

fn open_folder(parent: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    match mkdirat(parent, name, Mode::from(0o755)) {
        Ok(()) | Err(Errno::EXIST) => (),
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// Writes a file beside its name and then gives it that.
fn replace(
    folder: BorrowedFd<'_>,
    name: &str,
    mode: Mode,
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let (mut file, now) = create_beside(folder, OsStr::new(name)).map_err(ExportError::io("create", path))?;
    let written = write(&mut file).and_then(|()| {
        rustix::fs::fchmod(&file, mode)
            .and_then(|()| renameat(folder, &now, folder, name))
            .map_err(ExportError::io("create", path))
    });
    if written.is_err() {
        let _ = unlinkat(folder, &now, AtFlags::empty());
    }
    written
}

/// Hashes what passes.
struct Hashed<'a> {
    out: &'a mut dyn Write,
    hash: &'a mut Sha256,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

enum Failure {
    Export(ExportError),
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
