//! Looks at the directory that is probably a Dockerfile's build context.

use crate::dockerfile::Parsed;
use crate::lint::{ContextEntry, ContextFacts, Notable, copies_whole_context, notable, plain_sources};
use std::fs::{DirEntry, read_dir};
use std::path::Path;

/// Files and directories that are looked at, those at the top not counted.
const BUDGET: usize = 4_000;

/// Entries at the top of a directory that is a context.
const TOP: usize = 10_000;

/// What `directory`, which the Dockerfile is in, holds, if it matters and is probably the context.
///
/// It is not when something is copied that is not there, or when a directory above it has an ignore file.
pub(super) fn context(directory: &Path, parsed: &Parsed) -> Option<ContextFacts> {
    if !copies_whole_context(parsed) {
        return None;
    }
    let directory = std::path::absolute(directory).ok()?;
    let is_there = |source: &&str| {
        directory
            .join(source.trim_start_matches('/'))
            .symlink_metadata()
            .is_ok()
    };
    if !plain_sources(parsed).iter().all(is_there) || is_below_another(&directory) {
        return None;
    }
    let mut walk = Walk {
        left: BUDGET,
        entries: Vec::new(),
    };
    let mut top: Vec<DirEntry> = read_dir(&directory).ok()?.take(TOP).filter_map(Result::ok).collect();
    top.sort_by_key(DirEntry::file_name);
    for entry in top {
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut whole = ContextEntry {
            path: name,
            ..ContextEntry::default()
        };
        walk.count(&entry, &mut whole, 0);
        walk.entries.push(whole);
    }
    Some(ContextFacts { entries: walk.entries })
}

/// Whether a directory above, up to the one with the history, has an ignore file.
fn is_below_another(directory: &Path) -> bool {
    let has = |directory: &Path, name: &str| directory.join(name).symlink_metadata().is_ok();
    if has(directory, ".git") {
        return false;
    }
    for above in directory.ancestors().skip(1) {
        if has(above, ".dockerignore") {
            return true;
        }
        if has(above, ".git") {
            break;
        }
    }
    false
}

struct Walk {
    left: usize,
    entries: Vec<ContextEntry>,
}

impl Walk {
    /// Adds to `whole` what `entry` holds, and notes what is notable below it. Links are not followed.
    fn count(&mut self, entry: &DirEntry, whole: &mut ContextEntry, depth: usize) {
        let Ok(metadata) = entry.metadata() else { return };
        if !metadata.is_dir() {
            whole.files += 1;
            whole.bytes = whole.bytes.saturating_add(metadata.len());
            return;
        }
        let Ok(inside) = read_dir(entry.path()) else { return };
        let path = whole.path.clone();
        for inner in inside.filter_map(Result::ok) {
            if self.left == 0 || depth > 50 {
                whole.more = true;
                return;
            }
            self.left -= 1;
            let name = inner.file_name().to_string_lossy().into_owned();
            let mut part = ContextEntry {
                path: format!("{path}/{name}"),
                ..ContextEntry::default()
            };
            self.count(&inner, &mut part, depth + 1);
            whole.files += part.files;
            whole.bytes = whole.bytes.saturating_add(part.bytes);
            whole.more |= part.more;
            // What is in an installed dependency is told of as a whole.
            let noted = path
                .split('/')
                .any(|part| notable(part).is_some_and(|why| why != Notable::Secret));
            if notable(&name).is_some() && !noted {
                self.entries.push(part);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    #[test]
    fn a_context_is_counted_and_looked_through() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "12345").unwrap();
        };
        for path in [
            "a/.env",
            "a/node_modules/x/id_rsa",
            "a/node_modules/y",
            ".git/HEAD",
            "b",
        ] {
            write(path);
        }
        let whole = parse("FROM x\nCOPY b .\nCOPY . .\n");
        let found = context(root.path(), &whole).unwrap();
        let mut shown: Vec<String> = found
            .entries
            .iter()
            .map(|it| format!("{} {} {}", it.path, it.files, it.bytes))
            .collect();
        shown.sort();
        assert_eq!(
            shown,
            [".git 1 5", "a 3 15", "a/.env 1 5", "a/node_modules 2 10", "b 1 5"]
        );
        assert_eq!(context(root.path(), &parse("FROM x\nCOPY b .\n")), None);
        assert_eq!(
            context(root.path(), &parse("FROM x\nCOPY . gone /x/\n")),
            None,
            "another directory is the context"
        );
        write(".dockerignore");
        assert_eq!(context(&root.path().join("a"), &parse("FROM x\nCOPY . .\n")), None);
    }
}
