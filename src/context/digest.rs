//! Names for what is selected.

use super::patterns::Patterns;
use super::select::{Form, SelectError, SelectRequest, Selection, select};
use super::source::SourcePattern;
use crate::digest::{Fields, FileDigest};
use crate::layer::{Kind, View};

/// Names the form of the digest; it changes when the table at [`Selection::digest`] does.
const FORMAT: &str = "varve 2026 selection v1";

/// Which bits of what is copied the instruction overwrites, so that the files' own do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overrides {
    /// `--chmod` with octal digits: the modes of everything but symbolic links.
    pub mode: bool,
    /// `--chown`: owner and group of everything.
    pub owner: bool,
}

impl Selection<'_> {
    /// Names everything about the selection that becomes part of the result.
    ///
    /// | value                                     | in the digest | because                                |
    /// |-------------------------------------------|---------------|----------------------------------------|
    /// | order of the items, their form            | yes           | later ones overwrite earlier ones      |
    /// | base name of a file that is named         | yes           | it may keep it                         |
    /// | path that leads to a file or directory    | no            | it does not reach the destination      |
    /// | paths below a directory or pivot          | yes           | they become the tree                   |
    /// | type, content, link target, device number | yes           | they become the tree                   |
    /// | mode and owner                            | unless the instruction overwrites them | hash what will be written |
    /// | extended attributes                       | yes           | they become the tree                   |
    /// | which names are one file                  | yes           | links are kept                         |
    /// | modification times                        | no            | a fresh checkout must still match      |
    /// | the delta that something comes from       | no            | content counts, not where it came from |
    pub fn digest(&self, overrides: &Overrides) -> FileDigest {
        self.fields(overrides, true)
    }

    fn fields(&self, overrides: &Overrides, names: bool) -> FileDigest {
        let mut fields = Fields::new(FORMAT);
        fields.number(self.items.len() as u64);
        let mut record = Record(Vec::with_capacity(256));
        for item in &self.items {
            match item.form {
                Form::File if names => fields.number(0).bytes(&item.name),
                Form::File => fields.number(3),
                Form::Contents => fields.number(1),
                Form::Parents => fields.number(2),
            };
            fields.number(item.entries.len() as u64);
            for selected in &item.entries {
                let entry = selected.entry;
                record.0.clear();
                record.bytes(&selected.relative);
                match (&selected.file.kind, selected.link) {
                    (_, Some(first)) => record.tag(b'h').number(first as u64),
                    (Kind::File { size, digest }, None) => record.tag(b'f').number(*size).bytes(digest.as_bytes()),
                    (Kind::Directory { .. }, None) => record.tag(b'd'),
                    (Kind::Symlink { target }, None) => record.tag(b'l').bytes(target),
                    (Kind::Character { major, minor }, None) => {
                        record.tag(b'c').number(u64::from(*major)).number(u64::from(*minor))
                    }
                    (Kind::Block { major, minor }, None) => {
                        record.tag(b'b').number(u64::from(*major)).number(u64::from(*minor))
                    }
                    (Kind::Fifo, None) => record.tag(b'p'),
                    // A view shows neither.
                    (Kind::HardLink { target }, None) => record.tag(b'x').bytes(target),
                    (Kind::Whiteout, None) => record.tag(b'w'),
                };
                if !overrides.mode && !matches!(selected.file.kind, Kind::Symlink { .. }) {
                    record.number(u64::from(entry.mode));
                }
                if !overrides.owner {
                    record.number(u64::from(entry.uid)).number(u64::from(entry.gid));
                }
                record.number(entry.xattrs.len() as u64);
                for (name, value) in &entry.xattrs {
                    record.bytes(name).bytes(value);
                }
                fields.bytes(&record.0);
            }
        }
        fields
            .number(u64::from(overrides.mode))
            .number(u64::from(overrides.owner));
        fields.file_digest()
    }
}

/// Names the file or directory that a bind mount shows: all that is below the path, but not its own name.
///
/// Links on the way are followed inside the root.
pub fn digest_of(view: &View, path: &str) -> Result<FileDigest, SelectError> {
    let excludes = Patterns::default();
    let sources = [SourcePattern::literal(path)];
    let request = SelectRequest {
        sources: &sources,
        excludes: &excludes,
        hints: None,
    };
    Ok(select(view, &request)?.fields(&Overrides::default(), false))
}

/// The bytes of one entry; every value has a known length or says it.
struct Record(Vec<u8>);

impl Record {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.push(tag);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).0.extend_from_slice(bytes);
        self
    }
}
