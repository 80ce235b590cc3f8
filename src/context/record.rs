//! Writes the stat index of a context.

use super::index::{Content, Index, Record, Writer};
use super::stat::Stat;
use super::tree::{Child, Children, Directory, Ground};
use crate::layer::{Time, Xattrs};
use rustix::fs::FileType;
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// A directory whose records are still to be written.
#[derive(Debug, Clone, Copy)]
enum Pending<'a> {
    /// It was read.
    Seen(&'a Directory, &'a Children),
    /// It was not; the old index knows it.
    Old(u32),
}

/// Numbers directories in the order in which they will be written.
#[derive(Debug, Default)]
struct Queue<'a> {
    pending: VecDeque<Pending<'a>>,
    numbered: u32,
}

impl<'a> Queue<'a> {
    fn add(&mut self, pending: Pending<'a>) -> u32 {
        self.pending.push_back(pending);
        self.numbered += 1;
        self.numbered - 1
    }
}

/// Encodes what is known: about what was looked at now, and what an older index said about the rest.
pub(super) fn encode(ground: &Ground, root: &Directory, stamp: Time) -> Option<Vec<u8>> {
    let old = ground.index.as_ref();
    let mut writer = Writer::new(stamp);
    let mut queue = Queue::default();
    queue.add(pending(old, root)?);
    while let Some(next) = queue.pending.pop_front() {
        let mut records: Vec<Record<'_>> = Vec::new();
        match (next, old) {
            (Pending::Seen(directory, children), _) => {
                for child in children.list() {
                    let below = child.directory.as_deref().and_then(|below| pending(old, below));
                    let below = below.map(|below| queue.add(below));
                    records.extend(seen(children, child, below));
                }
                // What this build ignores another may want.
                if let (Some(old), Some(own)) = (old, directory.record) {
                    let ignored = |name: &[u8]| children.ignored.binary_search_by(|other| (**other).cmp(name)).is_ok();
                    let kept = old.directory(own).filter(|record| ignored(record.name));
                    records.extend(kept.map(|record| carried(old, own, record, &mut queue)));
                    records.sort_by(|a, b| a.name.cmp(b.name));
                }
            }
            (Pending::Old(own), Some(old)) => {
                records.extend(old.directory(own).map(|record| carried(old, own, record, &mut queue)));
            }
            (Pending::Old(_), None) => {}
        }
        writer.directory(records.len());
        records.iter().for_each(|record| writer.record(record));
    }
    writer.finish()
}

fn pending<'a>(old: Option<&Index>, directory: &'a Directory) -> Option<Pending<'a>> {
    match directory.seen() {
        Some(children) => Some(Pending::Seen(directory, children)),
        None => old.and(directory.record).map(Pending::Old),
    }
}

/// The record of a name that was looked at; `None` when nothing is known that would help.
fn seen<'a>(children: &'a Children, child: &'a Child, below: Option<u32>) -> Option<Record<'a>> {
    let known = child.seen().filter(|known| known.sure);
    let content = match (child.stat.file_type(), known) {
        (FileType::RegularFile, Some(known)) => Content::File(known.digest?),
        (FileType::Symlink, Some(known)) => Content::Symlink(known.target()),
        (FileType::Directory, _) => Content::Directory(below),
        (_, Some(_)) => Content::Other,
        (_, None) => return None,
    };
    Some(Record {
        name: children.name(child),
        stat: known.map_or_else(|| unknown(child.stat), |_| child.stat),
        content,
        xattrs: known.map_or_else(Xattrs::new, |known| known.xattrs()),
    })
}

/// A record of the old index, in a new one. What the old stamp did not let it trust, the new one must not either.
fn carried<'a>(old: &Index, directory: u32, mut record: Record<'a>, queue: &mut Queue<'_>) -> Record<'a> {
    if !old.trusts(&record) {
        record.stat = unknown(record.stat);
    }
    if let Content::Directory(below) = &mut record.content {
        // Numbers only grow on the way down; an index in which they do not would never end.
        *below = below
            .filter(|below| *below > directory)
            .map(|below| queue.add(Pending::Old(below)));
    }
    record
}

/// A state that no file has.
fn unknown(stat: Stat) -> Stat {
    Stat { inode: 0, ..stat }
}

/// Puts an index in place: readers see the old one or the new one.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut attempt = 0u32;
    loop {
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}-{attempt}.tmp", std::process::id()));
        let temporary = path.with_file_name(temporary);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary);
        match file {
            // Another thread is at it, or one was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 64 => attempt += 1,
            Err(error) => return Err(error),
            Ok(mut file) => {
                let done = file.write_all(bytes).and_then(|()| std::fs::rename(&temporary, path));
                if done.is_err() {
                    let _ = std::fs::remove_file(&temporary);
                }
                return done;
            }
        }
    }
}
