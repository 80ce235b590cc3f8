//! Paths with symbolic links, resolved inside a [`View`].

use super::entry::{Kind, TreePath};
use super::listing::MAX_PATH;
use super::view::{Child, Found, View};

/// How many symbolic links one path may lead through; the limit of container tools (the kernel's is 40).
const MAX_LINKS: usize = 255;

/// Where a path leads inside a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The real path: no component but the last is a symbolic link, and the last only when it was not followed.
    pub path: TreePath,
    /// What stands there; `None` when nothing does.
    pub found: Option<Found<'a>>,
    /// How many leading components of `path` exist. When nothing was found, those that exist are directories
    /// and the others are to be created; when something was, this is the number of components.
    pub missing_from: usize,
}

impl Resolved<'_> {
    /// The directories on the way to `path` that do not exist yet, outermost first; `path` itself is not among them.
    pub fn missing_parents(&self) -> impl Iterator<Item = &[u8]> {
        let slashes = self
            .path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| at);
        slashes
            .enumerate()
            .filter(|(index, _)| *index >= self.missing_from)
            .map(|(_, at)| &self.path[..at])
    }
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// A component on the way is neither a directory nor a link to one.
    #[error("`/{}` is not a directory", .0.escape_ascii())]
    NotADirectory(TreePath),
    /// Symbolic links lead in a circle, or through too many others.
    #[error("too many symbolic links on the way to `{}`", .0.escape_ascii())]
    TooManyLinks(Box<[u8]>),
    /// The path has a zero byte or is too long.
    #[error("`{}` cannot be a path", .0.escape_ascii())]
    Invalid(Box<[u8]>),
}

impl View {
    /// Follows a path as a process in this root would, which never leaves it.
    ///
    /// The path may be absolute or relative (to the root), and may have `.`, `..` and doubled slashes. Absolute
    /// link targets start at the root again and `..` stops there. A last component that is a link is followed
    /// when `follow_last` says so or a slash ends the path. What does not exist is kept as written, with `..`
    /// taking one name away; a dangling link leads to what it names, which is where COPY creates files.
    pub fn resolve<'a>(&'a self, path: &[u8], follow_last: bool) -> Result<Resolved<'a>, ResolveError> {
        let invalid = || ResolveError::Invalid(path.into());
        if path.contains(&0) || path.len() > MAX_PATH {
            return Err(invalid());
        }
        let follow_last = follow_last || path.ends_with(b"/");
        let root = Child {
            found: self.root_found(),
            directory: Some(self.root_directory()),
        };
        // The directories of the real path that exist, the root first; then the last component, if it was found.
        let mut existing = vec![root];
        let mut real: Vec<&[u8]> = Vec::new();
        let mut todo: Vec<&[u8]> = components(path).rev().collect();
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == b".." {
                real.pop();
                existing.truncate(real.len() + 1);
                continue;
            }
            if existing.len() != real.len() + 1 {
                real.push(name);
                continue;
            }
            let Some(directory) = existing.last().and_then(|last| last.directory.as_ref()) else {
                return Err(ResolveError::NotADirectory(join(&real)));
            };
            let Some(child) = directory.child(name) else {
                real.push(name);
                continue;
            };
            let Kind::Symlink { target } = &self.file_of(&child.found).kind else {
                real.push(name);
                existing.push(child);
                continue;
            };
            if todo.is_empty() && !follow_last {
                real.push(name);
                existing.push(child);
                continue;
            }
            links += 1;
            if links > MAX_LINKS || todo.len() > MAX_LINKS * MAX_PATH {
                return Err(ResolveError::TooManyLinks(path.into()));
            }
            if target.starts_with(b"/") {
                real.clear();
                existing.truncate(1);
            }
            todo.extend(components(target).rev());
        }
        let path = join(&real);
        if path.len() > MAX_PATH {
            return Err(invalid());
        }
        let missing_from = existing.len() - 1;
        let found = existing
            .pop()
            .filter(|_| missing_from == real.len())
            .map(|child| child.found);
        Ok(Resolved {
            path,
            found,
            missing_from,
        })
    }
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
        .filter(|name| !matches!(*name, b"" | b"."))
}

fn join(names: &[&[u8]]) -> TreePath {
    names.join(&b'/').into_boxed_slice()
}
