//! Mount points that the root lacks, made where they leave no trace.
//!
//! A mount needs something to be mounted on. Making it in the root would put it into the layer, and the
//! modification time of its parent too. So the missing files and directories are made in a directory of
//! their own, which is laid over the other lower ones: they are there to be mounted on, the
//! upper directory never learns of them, and nothing has to be removed afterwards. Directories on
//! the way to them copy owner, mode, times and attributes of those that they cover.

use super::error::SandboxError;
use super::program::{Kind, clean};
use super::setup::{Operation, Overlay};
use rustix::fs::{AtFlags, CWD, Gid, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::collections::{HashMap, VecDeque, hash_map};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

/// Makes the missing mount points of `operations` below `directory`; false when none is missing.
pub(super) fn make(
    overlay: &Overlay,
    operations: &[Operation],
    kinds: &[Kind],
    directory: &Path,
) -> Result<bool, SandboxError> {
    let mut stack = Stack::new(overlay);
    let mut stubs = Stubs {
        directory,
        parents: HashMap::new(),
    };
    let mut covered: Vec<PathBuf> = Vec::new();
    for (operation, kind) in operations.iter().zip(kinds) {
        let path = clean(operation.path())?;
        match operation {
            // These two make nothing, and control groups have their place in sysfs.
            Operation::Mask { .. } | Operation::ReadOnly { .. } | Operation::Cgroup { .. } => continue,
            _ => (),
        }
        let failed = |source| SandboxError::Prepare {
            attempt: "look up the mount point",
            path: path.clone(),
            source,
        };
        let found = stack.find(&path).map_err(failed)?;
        if let Operation::Directory { .. } = operation {
            // The child makes it where it stays, and so what is mounted on it or below it.
            if found.missing_below.is_some() {
                covered.push(found.path);
            }
            continue;
        }
        let below = covered.iter().any(|it| found.path.starts_with(it));
        // Below another mount the place is in that mount, not in the root.
        if let (false, Some(parent), false) = (below, &found.missing_below, stack.hidden(&found)) {
            stubs.add(&mut stack, parent, &found.path, *kind).map_err(failed)?;
        }
        covered.push(found.path);
    }
    let made = !stubs.parents.is_empty();
    stubs.finish().map_err(|source| SandboxError::Prepare {
        attempt: "prepare mount points in",
        path: directory.to_path_buf(),
        source,
    })?;
    Ok(made)
}

/// Directories laid over each other, looked at without mounting them.
struct Stack<'a> {
    /// Highest first.
    layers: Vec<&'a Path>,
    has_upper: bool,
    opaque: &'static str,
    known: HashMap<PathBuf, Rc<Entry>>,
}

/// What a path is in the stack.
#[derive(Debug)]
enum Entry {
    Missing,
    /// A directory: the layers that have a part of it, highest first, and whether it ends there for good.
    Directory {
        layers: Vec<usize>,
        opaque: bool,
    },
    Link(PathBuf),
    Other,
}

/// Where a path leads.
struct Found {
    /// Without links as far as it exists.
    path: PathBuf,
    /// The directory that exists, when not all of it does.
    missing_below: Option<PathBuf>,
}

impl<'a> Stack<'a> {
    fn new(overlay: &'a Overlay) -> Self {
        let upper = overlay.upper.as_ref().map(|upper| upper.directory.as_path());
        Self {
            layers: upper
                .into_iter()
                .chain(overlay.lowers.iter().rev().map(PathBuf::as_path))
                .collect(),
            has_upper: overlay.upper.is_some(),
            opaque: if overlay.userxattr {
                "user.overlay.opaque"
            } else {
                "trusted.overlay.opaque"
            },
            known: HashMap::new(),
        }
    }

    /// Follows a path, links included, as far as it goes.
    fn find(&mut self, path: &Path) -> io::Result<Found> {
        let mut left: VecDeque<OsString> = names(path);
        let mut current = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = left.pop_front() {
            if name == ".." {
                current.pop();
                continue;
            }
            let next = current.join(&name);
            match &*self.entry(&next)? {
                Entry::Directory { .. } | Entry::Other => current = next,
                Entry::Link(target) => {
                    links += 1;
                    // The kernel gives up after as many.
                    if links > 40 {
                        return Err(Errno::LOOP.into());
                    }
                    if target.is_absolute() {
                        current = PathBuf::from("/");
                    }
                    for name in names(target).into_iter().rev() {
                        left.push_front(name);
                    }
                }
                Entry::Missing => {
                    let missing_below = Some(current.clone());
                    let mut path = next;
                    for name in left {
                        if name == ".." {
                            path.pop();
                        } else {
                            path.push(name);
                        }
                    }
                    return Ok(Found { path, missing_below });
                }
            }
        }
        Ok(Found {
            path: current,
            missing_below: None,
        })
    }

    fn entry(&mut self, path: &Path) -> io::Result<Rc<Entry>> {
        if let Some(entry) = self.known.get(path) {
            return Ok(entry.clone());
        }
        let entry = match path.parent() {
            None => Entry::Directory {
                layers: (0..self.layers.len()).collect(),
                opaque: false,
            },
            Some(parent) => match &*self.entry(parent)? {
                Entry::Directory { layers, .. } => self.look(path, layers)?,
                _ => Entry::Missing,
            },
        };
        let entry = Rc::new(entry);
        self.known.insert(path.to_path_buf(), entry.clone());
        Ok(entry)
    }

    fn look(&self, path: &Path, candidates: &[usize]) -> io::Result<Entry> {
        let mut layers = Vec::new();
        for &layer in candidates {
            let full = self.in_layer(layer, path);
            let metadata = match fs::symlink_metadata(&full) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            let kind = metadata.file_type();
            if kind.is_dir() {
                layers.push(layer);
                let mut value = [0; 1];
                if rustix::fs::lgetxattr(&full, self.opaque, &mut value) == Ok(1) && value[0] == b'y' {
                    return Ok(Entry::Directory { layers, opaque: true });
                }
                continue;
            }
            if !layers.is_empty() {
                return Ok(Entry::Directory { layers, opaque: true });
            }
            let whiteout = kind.is_char_device() && metadata.rdev() == 0;
            return Ok(match kind {
                _ if whiteout => Entry::Missing,
                _ if kind.is_symlink() => Entry::Link(fs::read_link(&full)?),
                _ => Entry::Other,
            });
        }
        Ok(match layers.is_empty() {
            true => Entry::Missing,
            false => Entry::Directory { layers, opaque: false },
        })
    }

    /// Whether the upper directory hides what lies below it on the way to a place.
    fn hidden(&self, found: &Found) -> bool {
        let whiteout = |path: &Path| {
            let metadata = fs::symlink_metadata(self.in_layer(0, path));
            metadata.is_ok_and(|it| it.file_type().is_char_device() && it.rdev() == 0)
        };
        self.has_upper
            && found
                .path
                .ancestors()
                .any(|path| match self.known.get(path).map(|it| &**it) {
                    Some(Entry::Directory { layers, opaque: true }) => layers[..] == [0],
                    Some(Entry::Missing) => whiteout(path),
                    _ => false,
                })
    }

    /// The directory that lends its metadata to the merged one.
    fn model(&mut self, path: &Path) -> io::Result<Option<PathBuf>> {
        Ok(match &*self.entry(path)? {
            Entry::Directory { layers, .. } => layers.first().map(|layer| self.in_layer(*layer, path)),
            _ => None,
        })
    }

    fn in_layer(&self, layer: usize, path: &Path) -> PathBuf {
        self.layers[layer].join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// The names in a path; `..` is kept, because it is about the directory that is there.
fn names(path: &Path) -> VecDeque<OsString> {
    let name = |component| match component {
        Component::Normal(name) => Some(name.to_os_string()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    path.components().filter_map(name).collect()
}

/// The directory of stubs as it grows.
struct Stubs<'a> {
    directory: &'a Path,
    /// Directories made, each with the one that it covers.
    parents: HashMap<PathBuf, Option<PathBuf>>,
}

impl Stubs<'_> {
    fn add(&mut self, stack: &mut Stack<'_>, parent: &Path, path: &Path, kind: Kind) -> io::Result<()> {
        let mut ancestors: Vec<&Path> = path.ancestors().collect();
        ancestors.reverse();
        for ancestor in ancestors {
            let stub = self.directory.join(ancestor.strip_prefix("/").unwrap_or(ancestor));
            if ancestor == path && kind == Kind::File {
                fs::OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(false)
                    .mode(0o644)
                    .open(&stub)?;
            } else if let hash_map::Entry::Vacant(entry) = self.parents.entry(stub) {
                let model = if parent.starts_with(ancestor) {
                    stack.model(ancestor)?
                } else {
                    None
                };
                match fs::create_dir(entry.key()) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
                    other => other?,
                }
                entry.insert(model);
            }
        }
        Ok(())
    }

    /// Gives the directories the looks of those that they cover; last, because filling them changed their times.
    fn finish(self) -> io::Result<()> {
        #[expect(clippy::iter_over_hash_type, reason = "each directory is treated alone")]
        for (stub, model) in self.parents {
            match model {
                Some(model) => copy_metadata(&model, &stub)?,
                None => fs::set_permissions(&stub, fs::Permissions::from_mode(0o755))?,
            }
        }
        Ok(())
    }
}

fn copy_metadata(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(from)?;
    let (uid, gid) = (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()));
    match rustix::fs::chownat(CWD, to, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
        // An owner without a number in this user namespace cannot be given, and would not be kept either.
        Err(Errno::PERM | Errno::INVAL) => (),
        other => other?,
    }
    fs::set_permissions(to, fs::Permissions::from_mode(metadata.mode() & 0o7777))?;
    copy_attributes(from, to);
    let time = |seconds, nanoseconds| Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: time(metadata.atime(), metadata.atime_nsec()),
        last_modification: time(metadata.mtime(), metadata.mtime_nsec()),
    };
    rustix::fs::utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

/// Copies extended attributes as far as we may; overlayfs' own say something about their directory alone.
fn copy_attributes(from: &Path, to: &Path) {
    let mut names = vec![0_u8; 0];
    let Ok(size @ 1..) = rustix::fs::llistxattr(from, names.as_mut_slice()) else {
        return;
    };
    names.resize(size, 0);
    let Ok(size) = rustix::fs::llistxattr(from, names.as_mut_slice()) else {
        return;
    };
    for name in names.get(..size).unwrap_or_default().split(|byte| *byte == 0) {
        if name.is_empty() || name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.") {
            continue;
        }
        // The kernel's limit for a value is 64 KiB.
        let mut value = vec![0_u8; 64 << 10];
        if let Ok(length) = rustix::fs::lgetxattr(from, name, value.as_mut_slice()) {
            let value = value.get(..length).unwrap_or_default();
            let _ = rustix::fs::lsetxattr(to, name, value, XattrFlags::empty());
        }
    }
}
