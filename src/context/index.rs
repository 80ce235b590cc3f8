//! The stat index: what every file of a context directory held when it was last read.
//!
//! | part      | form                                                                                       |
//! |-----------|--------------------------------------------------------------------------------------------|
//! | header    | `varvectx`, version (u32), stamp (i64 seconds, u32 nanoseconds), number of directories (u32) |
//! | offsets   | for each directory a u32: where its records begin, counted from the end of this part       |
//! | directory | number of records, then the records in order of their names                               |
//! | record    | name, kind and flags, device, inode, size, mtime, ctime, mode, then what the kind needs    |
//! | checksum  | 32 bytes, blake3 of everything before                                                     |
//!
//! Fixed numbers are little endian, all others LEB128; times are relative to the stamp. Directory 0 is the context's
//! root; a directory's record holds its number, so a walk finds the records of each directory without a search.
//!
//! The stamp is taken before the first file is looked at. A record whose times are not older than it is not trusted:
//! the file may have changed again without the times telling.

use super::stat::Stat;
use crate::digest::{FileDigest, FileHasher};
use crate::layer::{Time, Xattrs};

const MAGIC: &[u8; 8] = b"varvectx";
const VERSION: u32 = 1;
const HEADER: usize = 8 + 4 + 8 + 4 + 4;
const CHECKSUM: usize = 32;

/// A loaded index.
#[derive(Debug)]
pub(super) struct Index {
    bytes: Vec<u8>,
    stamp: Time,
    directories: u32,
}

/// What is known about a name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) name: &'a [u8],
    pub(super) stat: Stat,
    pub(super) content: Content<'a>,
    pub(super) xattrs: Xattrs,
}

/// What a record holds beside times and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content<'a> {
    File(FileDigest),
    /// The directory's number, when its records are there.
    Directory(Option<u32>),
    Symlink(&'a [u8]),
    Other,
}

impl Index {
    /// Takes the bytes of an index; `None` when they are damaged or of another version.
    pub(super) fn load(bytes: Vec<u8>) -> Option<Self> {
        let body = bytes.len().checked_sub(CHECKSUM)?;
        if FileHasher::of(&bytes[..body]).as_bytes() != &bytes[body..] {
            return None;
        }
        let mut header = Reader(bytes.get(..HEADER)?);
        if header.take(8)? != MAGIC || header.u32()? != VERSION {
            return None;
        }
        let stamp = Time {
            seconds: i64::from_le_bytes(header.take(8)?.try_into().ok()?),
            nanoseconds: header.u32()?,
        };
        let directories = header.u32()?;
        let records = HEADER.checked_add(usize::try_from(directories).ok()?.checked_mul(4)?)?;
        (records <= body).then_some(Self {
            bytes,
            stamp,
            directories,
        })
    }

    /// Tells this index from all that say anything else.
    pub(super) fn checksum(&self) -> &[u8] {
        &self.bytes[self.bytes.len() - CHECKSUM..]
    }

    /// The records of a directory, in order of their names.
    pub(super) fn directory(&self, number: u32) -> Records<'_> {
        let records = || {
            if number >= self.directories {
                return None;
            }
            let at = HEADER + number as usize * 4;
            let offset = Reader(self.bytes.get(at..)?).u32()? as usize;
            let start = HEADER + self.directories as usize * 4;
            let body = self.bytes.len() - CHECKSUM;
            let mut reader = Reader(self.bytes.get(start.checked_add(offset)?..body)?);
            let left = reader.number()?;
            Some(Records {
                reader,
                left,
                stamp: self.stamp,
            })
        };
        records().unwrap_or(Records {
            reader: Reader(&[]),
            left: 0,
            stamp: self.stamp,
        })
    }

    /// Whether what a record says may be believed of a file that has the same state now.
    pub(super) fn trusts(&self, record: &Record<'_>) -> bool {
        record.stat.inode != 0 && record.stat.is_older_than(self.stamp)
    }
}

/// The records of one directory.
#[derive(Debug)]
pub(super) struct Records<'a> {
    reader: Reader<'a>,
    left: u64,
    stamp: Time,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.left = self.left.checked_sub(1)?;
        self.reader.record(self.stamp)
    }
}

#[derive(Debug)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn time(&mut self, stamp: Time) -> Option<Time> {
        let folded = self.number()?;
        let delta = (folded >> 1) as i64 ^ -((folded & 1) as i64);
        Some(Time {
            seconds: stamp.seconds.wrapping_add(delta),
            nanoseconds: u32::try_from(self.number()?).ok()?,
        })
    }

    fn record(&mut self, stamp: Time) -> Option<Record<'a>> {
        let name = self.bytes()?;
        let [kind] = *self.take(1)? else { return None };
        let stat = Stat {
            device: self.number()?,
            inode: self.number()?,
            size: self.number()?,
            mtime: self.time(stamp)?,
            ctime: self.time(stamp)?,
            mode: u32::try_from(self.number()?).ok()?,
            links: 0,
            number: (u32::try_from(self.number()?).ok()?, u32::try_from(self.number()?).ok()?),
        };
        let content = match kind & 0x7f {
            0 => Content::File(FileDigest::from_bytes(self.take(32)?.try_into().ok()?)),
            1 => Content::Directory(u32::try_from(self.number()?).ok()?.checked_sub(1)),
            2 => Content::Symlink(self.bytes()?),
            3 => Content::Other,
            _ => return None,
        };
        let mut xattrs = Xattrs::new();
        if kind & 0x80 != 0 {
            for _ in 0..self.number()? {
                xattrs.push((self.bytes()?.into(), self.bytes()?.into()));
            }
        }
        Some(Record {
            name,
            stat,
            content,
            xattrs,
        })
    }
}

/// Writes an index, directory by directory, in the order of their numbers.
#[derive(Debug)]
pub(super) struct Writer {
    stamp: Time,
    offsets: Vec<u32>,
    records: Vec<u8>,
}

impl Writer {
    pub(super) fn new(stamp: Time) -> Self {
        Self {
            stamp,
            offsets: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Begins the next directory, which will have this many records.
    pub(super) fn directory(&mut self, records: usize) {
        self.offsets.push(u32::try_from(self.records.len()).unwrap_or(u32::MAX));
        self.number(records as u64);
    }

    /// Adds a record to the directory that was begun last.
    pub(super) fn record(&mut self, record: &Record<'_>) {
        let kind = match record.content {
            Content::File(_) => 0,
            Content::Directory(_) => 1,
            Content::Symlink(_) => 2,
            Content::Other => 3,
        };
        self.bytes(record.name);
        self.records
            .push(kind | if record.xattrs.is_empty() { 0 } else { 0x80 });
        let stat = &record.stat;
        self.number(stat.device);
        self.number(stat.inode);
        self.number(stat.size);
        self.time(stat.mtime);
        self.time(stat.ctime);
        self.number(u64::from(stat.mode));
        self.number(u64::from(stat.number.0));
        self.number(u64::from(stat.number.1));
        match record.content {
            Content::File(digest) => self.records.extend_from_slice(digest.as_bytes()),
            Content::Directory(number) => self.number(number.map_or(0, |number| u64::from(number) + 1)),
            Content::Symlink(target) => self.bytes(target),
            Content::Other => {}
        }
        if !record.xattrs.is_empty() {
            self.number(record.xattrs.len() as u64);
            for (name, value) in &record.xattrs {
                self.bytes(name);
                self.bytes(value);
            }
        }
    }

    /// The whole index; `None` when it is too large to be worth keeping.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(HEADER + self.offsets.len() * 4 + self.records.len() + CHECKSUM);
        u32::try_from(self.records.len()).ok()?;
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.stamp.seconds.to_le_bytes());
        out.extend_from_slice(&self.stamp.nanoseconds.to_le_bytes());
        out.extend_from_slice(&u32::try_from(self.offsets.len()).ok()?.to_le_bytes());
        for offset in &self.offsets {
            out.extend_from_slice(&offset.to_le_bytes());
        }
        out.extend_from_slice(&self.records);
        let checksum = FileHasher::of(&out);
        out.extend_from_slice(checksum.as_bytes());
        Some(out)
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.records.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.records.push(number as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.records.extend_from_slice(bytes);
    }

    fn time(&mut self, time: Time) {
        let delta = time.seconds.wrapping_sub(self.stamp.seconds);
        self.number((delta << 1 ^ delta >> 63) as u64);
        self.number(u64::from(time.nanoseconds));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(seconds: i64) -> Stat {
        let time = |nanoseconds| Time { seconds, nanoseconds };
        Stat {
            device: 0xfd00,
            inode: 1 << 40,
            size: 300,
            mtime: time(5),
            ctime: time(999_999_999),
            mode: 0o100_644,
            links: 0,
            number: (0, 0),
        }
    }

    fn written(stamp: Time) -> (Vec<u8>, Vec<Record<'static>>) {
        let file = Record {
            name: b"a",
            stat: stat(-7),
            content: Content::File(FileHasher::of(b"a")),
            xattrs: vec![(b"user.x".as_slice().into(), b"\0\n".as_slice().into())],
        };
        let directory = Record {
            name: b"b",
            stat: stat(i64::from(i32::MAX)),
            content: Content::Directory(Some(1)),
            xattrs: Xattrs::new(),
        };
        let link = Record {
            name: b"c",
            stat: stat(0),
            content: Content::Symlink(b"../x"),
            xattrs: Xattrs::new(),
        };
        let all = vec![file, directory, link];
        let mut writer = Writer::new(stamp);
        writer.directory(all.len());
        all.iter().for_each(|record| writer.record(record));
        writer.directory(0);
        (writer.finish().unwrap(), all)
    }

    const STAMP: Time = Time {
        seconds: 1000,
        nanoseconds: 500,
    };

    #[test]
    fn what_is_written_is_read() {
        let (bytes, all) = written(STAMP);
        let index = Index::load(bytes).unwrap();
        assert_eq!(index.directory(0).collect::<Vec<_>>(), all);
        assert_eq!(index.directory(1).count(), 0);
        assert_eq!(index.directory(2).count(), 0);
    }

    #[test]
    fn damage_is_noticed_and_never_a_panic() {
        let (bytes, _) = written(STAMP);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x81;
            assert!(Index::load(damaged.clone()).is_none());
            assert!(Index::load(bytes[..at].to_vec()).is_none());
            // With a fitting checksum the fields themselves must hold.
            let body = damaged.len() - CHECKSUM;
            let checksum = FileHasher::of(&damaged[..body]);
            damaged[body..].copy_from_slice(checksum.as_bytes());
            if let Some(index) = Index::load(damaged) {
                (0..4).for_each(|number| assert!(index.directory(number).count() < 1000));
            }
        }
    }

    #[test]
    fn what_is_as_young_as_the_index_is_not_trusted() {
        let at = |seconds, nanoseconds| Time { seconds, nanoseconds };
        let older = |mtime, ctime| {
            Stat {
                mtime,
                ctime,
                ..stat(0)
            }
            .is_older_than(STAMP)
        };
        assert!(older(at(1000, 499), at(1000, 499)));
        assert!(!older(at(1000, 499), at(1000, 500)));
        assert!(!older(at(2000, 1), at(900, 1)), "a time from the future");
        assert!(older(at(998, 0), at(998, 0)));
        assert!(
            !older(at(999, 0), at(999, 0)),
            "the file system may count in two seconds"
        );
    }
}
