//! Finds Dockerfiles: those that are named, those in directories, and those that patterns match.

use super::failure::{Failure, Usage};
use globset::{GlobBuilder, GlobMatcher};
use ignore::{DirEntry, WalkBuilder};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

/// A file stands for itself, a directory for the Dockerfiles in it that git does not ignore.
pub(super) fn dockerfiles(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let found = walk(path, |entry| is_dockerfile(entry.file_name()))?;
    if found.is_empty() {
        return Err(Usage::new(format!("no Dockerfile in `{}`", path.display())).into());
    }
    Ok(found)
}

/// The same, and a path with `*`, `?`, `[` or `{` that is no file stands for all files that it matches as a pattern
/// and git does not ignore: `*` stays within a directory, `**` does not.
pub(super) fn matching(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let text = path.to_string_lossy();
    if !text.contains(['*', '?', '[', '{']) || path.symlink_metadata().is_ok() {
        return dockerfiles(path);
    }
    let text = text.strip_prefix("./").unwrap_or(&text);
    let pattern = glob(text)?;
    let base: PathBuf = Path::new(text)
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']))
        .collect();
    let base = if base.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &base
    };
    let found = match base.is_dir() {
        true => walk(base, |entry| pattern.is_match(plain(entry.path())))?,
        false => Vec::new(),
    };
    if found.is_empty() {
        return Err(Usage::new(format!("no file matches `{text}`")).into());
    }
    Ok(found)
}

/// The content of a file, or of standard input for `-`; of more than `most` bytes one more than that.
pub(super) fn read(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    match path == Path::new("-") {
        true => io::stdin().lock().take(limit).read_to_end(&mut bytes)?,
        false => File::open(path)?.take(limit).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn glob(text: &str) -> Result<GlobMatcher, Usage> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| Usage::new(format!("`{text}` is not a pattern: {}", error.kind())))
}

/// The path without `./` in front.
pub(super) fn plain(path: &Path) -> &Path {
    let mut parts = path.components();
    match parts.next() {
        Some(Component::CurDir) if parts.clone().next().is_some() => parts.as_path(),
        _ => path,
    }
}

fn walk(path: &Path, wanted: impl Fn(&DirEntry) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    // Hidden directories such as `.devcontainer` do hold Dockerfiles; git's own holds branches of any name.
    for entry in WalkBuilder::new(path)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_name(Ord::cmp)
        .build()
    {
        let entry =
            entry.map_err(|error| Failure::machine(format!("cannot look through `{}`: {error}", path.display())))?;
        if entry.file_type().is_some_and(|kind| kind.is_file()) && wanted(&entry) {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

fn is_dockerfile(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    name == "dockerfile"
        || name == "containerfile"
        || name.starts_with("dockerfile.") && !name.ends_with(".dockerignore")
        || name.ends_with(".dockerfile")
}
