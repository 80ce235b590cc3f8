//! Changes files of the user's: whole or not at all, and shows what would change.

use rustix::fs::{Gid, Uid, fchmod, fchown};
use similar::{ChangeTag, TextDiff};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Lines that a difference shows around what differs.
const CONTEXT: usize = 3;

/// Puts `new` in the place of `old`, the content of the file at `path`. A link leads to the file that is changed; its
/// mode and owner stay.
///
/// # Errors
///
/// Where the file can't be written, is read-only, is no ordinary file, or holds something else by now.
pub(super) fn replace(path: &Path, old: &str, new: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let file = File::open(&path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    // Root can write where nobody can, and the others can replace what they can't write.
    if metadata.permissions().readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    OpenOptions::new().append(true).open(&path)?;
    let mut now = Vec::new();
    file.take(old.len() as u64 + 1).read_to_end(&mut now)?;
    if now != old.as_bytes() {
        return Err(io::Error::other("it was changed meanwhile"));
    }
    let draft = draft(&path);
    let written = write(&draft, new, &metadata).and_then(|()| fs::rename(&draft, &path));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

/// A name beside `path` that nothing else has.
fn draft(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A long name leaves no room for more.
    let short: String = name.chars().take(40).collect();
    path.with_file_name(format!(".{short}.{}.varve", std::process::id()))
}

fn write(draft: &Path, text: &str, like: &fs::Metadata) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.write_all(text.as_bytes())?;
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (like.uid(), like.gid()) {
        fchown(&file, Some(Uid::from_raw(like.uid())), Some(Gid::from_raw(like.gid())))?;
    }
    fchmod(&file, (like.mode() & 0o7777).into())?;
    file.sync_all()
}

/// What has to be done to `old` to get `new`, as `diff -u` shows it and `patch` reads it; empty when they are equal.
pub(super) fn difference(name: &str, old: &str, new: &str, color: bool) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut out = String::new();
    let paint = |out: &mut String, code: &str, line: &str| {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, "\n\\ No newline at end of file\n"),
        };
        let _ = match color {
            true => write!(out, "\u{1b}[{code}m{line}\u{1b}[0m{end}"),
            false => write!(out, "{line}{end}"),
        };
    };
    for group in diff.grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        if out.is_empty() {
            paint(&mut out, "1", &format!("--- {name}\n"));
            paint(&mut out, "1", &format!("+++ {name}\n"));
        }
        let range = |start: usize, end: usize| match end - start {
            // Of no lines, the one before is told.
            0 => format!("{start},0"),
            1 => format!("{}", start + 1),
            count => format!("{},{count}", start + 1),
        };
        let before = range(first.old_range().start, last.old_range().end);
        let after = range(first.new_range().start, last.new_range().end);
        paint(&mut out, "36", &format!("@@ -{before} +{after} @@\n"));
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, code) = match change.tag() {
                ChangeTag::Equal => (' ', "0"),
                ChangeTag::Delete => ('-', "31"),
                ChangeTag::Insert => ('+', "32"),
            };
            paint(&mut out, code, &format!("{sign}{}", change.value()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_as_patch_reads_them() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni";
        assert_eq!(
            difference("F", old, "a\nB\nc\nd\ne\nf\ng\nh\ni\n", false),
            "--- F\n+++ F\n@@ -1,9 +1,9 @@\n a\n-b\n+B\n c\n d\n e\n f\n g\n h\n-i\n\\ No newline at end of file\n+i\n"
        );
        assert_eq!(difference("F", "", "a\n", false), "--- F\n+++ F\n@@ -0,0 +1 @@\n+a\n");
        assert_eq!(
            difference("F", "a\r\n", "b\r\n", false),
            "--- F\n+++ F\n@@ -1 +1 @@\n-a\r\n+b\r\n"
        );
        assert_eq!(difference("F", old, old, false), "");
    }
}
