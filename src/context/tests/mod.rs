//! Tests of the room as a whole.

mod local;
mod lookup;
mod patterns;
mod selection;
mod stream;

use crate::context::{
    Context, Form, Ignore, LocalContext, Patterns, SelectError, SelectRequest, SourcePattern, select,
};
use crate::layer::View;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

/// Makes a directory: `name/` is a directory, `name -> target` a link, `name = other` a hard link, and
/// `name` a file that holds its own path. Parents are made.
fn tree(lines: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for line in lines {
        put(dir.path(), line);
    }
    dir
}

fn put(root: &Path, line: &str) {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if name.ends_with('/') {
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    } else if let Some(target) = rest.strip_prefix("-> ") {
        symlink(target, path).unwrap();
    } else if let Some(other) = rest.strip_prefix("= ") {
        fs::hard_link(root.join(other), path).unwrap();
    } else {
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    }
}

fn open(dir: &TempDir, ignore: &str) -> LocalContext {
    let (ignore, diagnostics) = Ignore::parse(ignore);
    assert_eq!(diagnostics, []);
    LocalContext::open(dir.path(), ignore, None).unwrap()
}

fn patterns(sources: &[&str], parents: bool) -> Vec<SourcePattern> {
    sources
        .iter()
        .map(|source| SourcePattern::new(source, parents).unwrap())
        .collect()
}

/// The paths of a listing.
fn paths(listing: &crate::layer::Listing) -> Vec<String> {
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    listing.entries().iter().map(|entry| text(&entry.path)).collect()
}

/// What a COPY from a directory would bring, one line for each entry: `[name]` or `name/` begins an item.
fn copy_from(
    context: &impl Context,
    sources: &[&str],
    parents: bool,
    excludes: &[&str],
) -> Result<Vec<String>, SelectError> {
    let sources = patterns(sources, parents);
    let listing = context.list(&sources).unwrap();
    let view = View::new(vec![listing]);
    let excludes = Patterns::new(excludes.iter().copied()).unwrap();
    let request = SelectRequest {
        sources: &sources,
        excludes: &excludes,
        hints: Some(context),
    };
    let mut out = Vec::new();
    for item in select(&view, &request)?.items {
        let name = String::from_utf8_lossy(&item.name);
        match item.form {
            Form::File => out.push(format!("[{name}]")),
            Form::Contents => out.push(format!("{name}/")),
            Form::Parents => {}
        }
        for entry in item.entries.iter().filter(|entry| !entry.relative.is_empty()) {
            let link = entry.link.map_or_else(String::new, |first| {
                format!(" = {}", String::from_utf8_lossy(&item.entries[first].relative))
            });
            out.push(format!("{}{link}", String::from_utf8_lossy(&entry.relative)));
        }
    }
    Ok(out)
}
