//! Files that appear complete or not at all.

use super::ExportError;
use rustix::fs::{AtFlags, Mode, OFlags, copy_file_range, openat, renameat, unlinkat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Most bytes that go through the kernel in one call, so that cancelling takes effect.
const STEP: usize = 64 << 20;

/// A file on its way to its name. Dropping it leaves nothing.
#[derive(Debug)]
pub(super) struct NewFile {
    pub(super) file: File,
    path: PathBuf,
    /// The folder, the name that it has now, and the one that it will have. `None` when it was opened in place.
    place: Option<(OwnedFd, OsString, OsString)>,
}

impl NewFile {
    /// Begins a file at `path`, whose folders are made when missing. What is there stays until [`NewFile::finish`].
    ///
    /// Pipes, devices and what is below `/dev` and `/proc` are opened and written to as they are.
    pub(super) fn create(path: &Path) -> Result<Self, ExportError> {
        let mut path = path.to_owned();
        let mut mode = None;
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => return Err(ExportError::IsDirectory(path)),
            Ok(found) => {
                let special = !found.is_file() || found.file_type().is_char_device();
                if special || path.starts_with("/dev") || path.starts_with("/proc") {
                    return Self::in_place(path);
                }
                mode = Some(found.permissions().mode() & 0o777);
                // The link stays a link, and its target is replaced.
                path = std::fs::canonicalize(&path).map_err(ExportError::io("find", &path))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            Err(source) => return Err(ExportError::io("look at", &path)(source)),
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(ExportError::io("create the folder", folder))?;
        let name = path
            .file_name()
            .ok_or_else(|| ExportError::IsDirectory(path.clone()))?
            .to_owned();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(rustix::fs::CWD, folder, flags, Mode::empty()).map_err(ExportError::io("open", folder))?;
        match create_beside(folder.as_fd(), &name) {
            Ok((file, now)) => {
                if let Some(mode) = mode {
                    rustix::fs::fchmod(&file, Mode::from(mode)).map_err(ExportError::io("set the mode of", &path))?;
                }
                Ok(Self {
                    file,
                    path,
                    place: Some((folder, now, name)),
                })
            }
            // A file that may be written in a folder that may not: then at least its content.
            Err(Errno::ACCESS | Errno::PERM) if mode.is_some() => Self::in_place(path),
            Err(errno) => Err(ExportError::io("create", &path)(errno)),
        }
    }

    fn in_place(path: PathBuf) -> Result<Self, ExportError> {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(ExportError::io("open", &path))?;
        Ok(Self {
            file,
            path,
            place: None,
        })
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        if let Some((folder, now, name)) = self.place.take()
            && let Err(errno) = renameat(&folder, &now, &folder, &name)
        {
            let _ = unlinkat(&folder, &now, AtFlags::empty());
            return Err(ExportError::io("replace", &self.path)(errno));
        }
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some((folder, now, _)) = &self.place {
            let _ = unlinkat(folder, now, AtFlags::empty());
        }
    }
}

/// Makes a file beside the one that it will replace.
pub(super) fn create_beside(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<(File, OsString)> {
    loop {
        let mut now = OsString::from(".");
        // A name may be as long as names can be.
        if name.len() <= 200 {
            now.push(name);
        }
        now.push(format!(".varve-{:016x}", RandomState::new().build_hasher().finish()));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(folder, &now, flags, Mode::from(0o666)) {
            Ok(file) => return Ok((File::from(file), now)),
            Err(Errno::EXIST) => (),
            Err(errno) => return Err(errno),
        }
    }
}

/// Something to write to: a file, into which the kernel can copy, or anything else.
pub(super) enum Sink<'a> {
    File(&'a mut File),
    Stream(&'a mut (dyn Write + Send)),
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(_) => Ok(()),
            Self::Stream(stream) => stream.flush(),
        }
    }
}

impl Sink<'_> {
    /// Appends `size` bytes of a file from `offset` on, inside the kernel where it can.
    pub(super) fn copy(
        &mut self,
        from: &File,
        mut offset: u64,
        mut size: u64,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> io::Result<()> {
        if let Self::File(file) = self {
            while size > 0 {
                stop_if(cancelled)?;
                let most = usize::try_from(size).unwrap_or(STEP).min(STEP);
                match copy_file_range(from, Some(&mut offset), &*file, None, most) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) => size -= count as u64,
                    Err(Errno::INTR) => (),
                    // Other file systems, older kernels, pipes, files opened for appending: the rest by hand.
                    Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF | Errno::PERM) => {
                        break;
                    }
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        let mut buffer = vec![0; usize::try_from(size).unwrap_or(usize::MAX).min(256 << 10)];
        while size > 0 {
            stop_if(cancelled)?;
            let most = usize::try_from(size).unwrap_or(usize::MAX).min(buffer.len());
            match from.read_at(&mut buffer[..most], offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.write_all(&buffer[..count])?;
                    offset += count as u64;
                    size -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn stop_if(cancelled: &(dyn Fn() -> bool + Sync)) -> io::Result<()> {
    if cancelled() {
        return Err(io::Error::other(ExportError::Cancelled));
    }
    Ok(())
}
