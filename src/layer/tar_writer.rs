//! A listing and its contents as a tar.

use super::entry::{Entry, Kind, Time};
use super::error::LayerError;
use super::listing::{Listing, name, parent};
use rayon::prelude::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use std::fs::File;
use std::io::{self, Read as _, Write};
use tar::{EntryType, Header};

/// How a tar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TarOptions {
    /// Later times become this one (seconds since 1970), as `SOURCE_DATE_EPOCH` wants.
    pub clamp_mtime: Option<i64>,
}

/// Unit of a tar.
pub(super) const BLOCK: usize = 512;
/// What precedes a name in a tar to say that it is gone.
pub(super) const WHITEOUT: &[u8] = b".wh.";
/// The file in a tar that makes its directory opaque.
pub(super) const OPAQUE: &[u8] = b".wh..wh..opq";

/// Files up to this size are read ahead, on all cores.
const SMALL: u64 = 64 << 10;
/// How many entries, and how many bytes of them, are read ahead at once.
const AHEAD: (usize, u64) = (512, 8 << 20);

/// Writes a delta as the tar of an OCI layer.
///
/// The bytes depend on the listing and the options alone. Headers are ustar; what does not fit (long names, large
/// numbers, xattrs, times before 1970) goes to a PAX header with sorted records. Names are written as they are,
/// without `./`, directories with a final slash; user and group names are blank. Times are whole seconds, rounded
/// down, as in layers of BuildKit: fractions would cost a kilobyte a file and no reader of images looks at them.
///
/// A real file whose name begins with `.wh.` is written under that name, and whoever unpacks the layer takes it
/// for a removal; all image tools share this quirk, since the format has no other spelling.
///
/// `open` opens the content of a file entry (never of a hard link), from several threads. A content that has not
/// the listed size is [`LayerError::Changed`].
pub fn write_tar(
    listing: &Listing,
    open: &(dyn Fn(&Entry) -> io::Result<File> + Sync),
    options: &TarOptions,
    out: &mut dyn Write,
) -> Result<(), LayerError> {
    let mut writer = TarWriter { options, out };
    let mut rest = listing.entries();
    let mut buffer = Vec::new();
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(batch(rest));
        rest = after;
        let small = |entry: &Entry| matches!(entry.kind, Kind::File { size, .. } if size <= SMALL && size > 0);
        let read: Vec<_> = batch
            .par_iter()
            .with_min_len(16)
            .map(|entry| {
                if small(entry) {
                    Some(read_small(entry, open)).transpose()
                } else {
                    Ok(None)
                }
            })
            .collect();
        for (entry, read) in batch.iter().zip(read) {
            writer.header(entry)?;
            match (read?, &entry.kind) {
                (Some(bytes), _) => writer.bytes(&bytes)?,
                (None, Kind::File { size, .. }) if *size > 0 => writer.copy(entry, *size, open, &mut buffer)?,
                _ => (),
            }
            if matches!(entry.kind, Kind::Directory { opaque: true }) {
                writer.mark(&entry.path, OPAQUE)?;
            }
        }
    }
    writer.raw(&[0; 2 * BLOCK])
}

fn batch(entries: &[Entry]) -> usize {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        bytes += match entry.kind {
            Kind::File { size, .. } if size <= SMALL => size,
            _ => 0,
        };
        bytes <= AHEAD.1
    };
    entries.iter().take(AHEAD.0).take_while(fits).count().max(1)
}

fn read_small(entry: &Entry, open: &(dyn Fn(&Entry) -> io::Result<File> + Sync)) -> Result<Vec<u8>, LayerError> {
    let Kind::File { size, .. } = entry.kind else {
        return Ok(Vec::new());
    };
    let content = |source| LayerError::Content {
        path: entry.path.clone(),
        source,
    };
    let mut bytes = Vec::with_capacity(size as usize + 1);
    let mut file = open(entry).map_err(content)?.take(size + 1);
    file.read_to_end(&mut bytes).map_err(content)?;
    if bytes.len() as u64 == size {
        Ok(bytes)
    } else {
        Err(LayerError::Changed(entry.path.clone()))
    }
}

struct TarWriter<'a> {
    options: &'a TarOptions,
    out: &'a mut dyn Write,
}

impl TarWriter<'_> {
    fn raw(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.out.write_all(bytes).map_err(LayerError::Write)
    }

    /// A content, filled up to whole blocks.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.raw(bytes)?;
        self.raw(padding(bytes.len() as u64))
    }

    fn copy(
        &mut self,
        entry: &Entry,
        size: u64,
        open: &(dyn Fn(&Entry) -> io::Result<File> + Sync),
        buffer: &mut Vec<u8>,
    ) -> Result<(), LayerError> {
        let content = |source| LayerError::Content {
            path: entry.path.clone(),
            source,
        };
        buffer.resize(256 << 10, 0);
        let mut file = open(entry).map_err(content)?;
        let mut left = size;
        loop {
            match file.read(buffer) {
                Ok(0) if left == 0 => break,
                Ok(count) if count > 0 && count as u64 <= left => {
                    self.raw(&buffer[..count])?;
                    left -= count as u64;
                }
                Ok(_) => return Err(LayerError::Changed(entry.path.clone())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(content(error)),
            }
        }
        self.raw(padding(size))
    }

    fn header(&mut self, entry: &Entry) -> Result<(), LayerError> {
        let (kind, link, size, device) = match &entry.kind {
            Kind::Whiteout => return self.mark(parent(&entry.path), &[WHITEOUT, name(&entry.path)].concat()),
            Kind::File { size, .. } => (EntryType::Regular, None, *size, None),
            Kind::Directory { .. } => (EntryType::Directory, None, 0, None),
            Kind::Symlink { target } => (EntryType::Symlink, Some(target), 0, None),
            Kind::HardLink { target } => (EntryType::Link, Some(target), 0, None),
            Kind::Character { major, minor } => (EntryType::Char, None, 0, Some((*major, *minor))),
            Kind::Block { major, minor } => (EntryType::Block, None, 0, Some((*major, *minor))),
            Kind::Fifo => (EntryType::Fifo, None, 0, None),
        };
        let mut path = entry.path.to_vec();
        if kind == EntryType::Directory {
            // The root has no other name than `./`.
            path.extend_from_slice(if path.is_empty() { b"./" } else { b"/" });
        }
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(entry.mode.into());
        let mut records = Records::default();
        for (name, value) in &entry.xattrs {
            records.add(&[b"SCHILY.xattr.", &escaped(name)[..]].concat(), value);
        }
        header.set_gid(records.number("gid", entry.gid.into(), OCTAL_7));
        if let Some(target) = link {
            set_link(&mut header, target, &mut records);
        }
        let mtime = self.clamped(entry.mtime);
        let plain_time = u64::try_from(mtime).ok().filter(|time| *time <= OCTAL_11);
        if plain_time.is_none() {
            records.add(b"mtime", mtime.to_string().as_bytes());
        }
        header.set_mtime(plain_time.unwrap_or(0));
        set_path(&mut header, &path, &mut records);
        header.set_size(records.number("size", size, OCTAL_11));
        header.set_uid(records.number("uid", entry.uid.into(), OCTAL_7));
        if let Some((major, minor)) = device {
            if u64::from(major.max(minor)) > OCTAL_7 {
                let what = "its device number is too large";
                return Err(LayerError::Unsayable {
                    path: entry.path.clone(),
                    what,
                });
            }
            header.set_device_major(major).map_err(LayerError::Write)?;
            header.set_device_minor(minor).map_err(LayerError::Write)?;
        }
        if !records.0.is_empty() {
            self.pax(&path, &records.0)?;
        }
        header.set_cksum();
        self.raw(header.as_bytes())
    }

    /// The header of an empty file that says something about its directory.
    fn mark(&mut self, directory: &[u8], name: &[u8]) -> Result<(), LayerError> {
        let path = if directory.is_empty() {
            name.to_vec()
        } else {
            [directory, b"/", name].concat()
        };
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        blank(&mut header);
        let mut records = Records::default();
        set_path(&mut header, &path, &mut records);
        if !records.0.is_empty() {
            self.pax(&path, &records.0)?;
        }
        header.set_cksum();
        self.raw(header.as_bytes())
    }

    fn pax(&mut self, path: &[u8], records: &[u8]) -> Result<(), LayerError> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        blank(&mut header);
        header.set_mode(0o644);
        header.set_size(records.len() as u64);
        // Only readers that do not know PAX see this name.
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let name = name(path);
        let shown = [b"PaxHeaders.0/", &name[..name.len().min(80)]].concat();
        header.as_mut_bytes()[..shown.len()].copy_from_slice(&shown);
        header.set_cksum();
        self.raw(header.as_bytes())?;
        self.bytes(records)
    }

    fn clamped(&self, time: Time) -> i64 {
        self.options
            .clamp_mtime
            .map_or(time.seconds, |latest| time.seconds.min(latest))
    }
}

/// The largest numbers that fit ustar's fields of eight and twelve bytes.
const OCTAL_7: u64 = 0o7_777_777;
const OCTAL_11: u64 = 0o77_777_777_777;

fn padding(size: u64) -> &'static [u8] {
    let over = (size % BLOCK as u64) as usize;
    &[0; BLOCK][..(BLOCK - over) % BLOCK]
}

fn blank(header: &mut Header) {
    header.set_mode(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
}

/// Puts a path into ustar's two fields, or into a record when it does not fit.
fn set_path(header: &mut Header, path: &[u8], records: &mut Records) {
    let fields = header.as_mut_bytes();
    if path.len() <= 100 {
        fields[..path.len()].copy_from_slice(path);
        return;
    }
    // The prefix ends before a slash, which is not stored; a final slash cannot be that one.
    let earliest = path.len().saturating_sub(101);
    let cut = path
        .iter()
        .enumerate()
        .take(path.len() - 1)
        .skip(earliest.max(1))
        .find(|(_, byte)| **byte == b'/');
    match cut {
        Some((cut, _)) if cut <= 155 => {
            fields[..path.len() - cut - 1].copy_from_slice(&path[cut + 1..]);
            fields[345..345 + cut].copy_from_slice(&path[..cut]);
        }
        _ => {
            fields[..100].copy_from_slice(&path[..100]);
            records.add(b"path", path);
        }
    }
}

fn set_link(header: &mut Header, target: &[u8], records: &mut Records) {
    let shown = target.len().min(100);
    header.as_mut_bytes()[157..157 + shown].copy_from_slice(&target[..shown]);
    if target.len() > 100 {
        records.add(b"linkpath", target);
    }
}

/// An extended attribute's name as GNU tar spells it in a record's key, which a `=` would end.
fn escaped(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'%' => out.extend_from_slice(b"%25"),
            b'=' => out.extend_from_slice(b"%3D"),
            _ => out.push(*byte),
        }
    }
    out
}

/// The body of a PAX header. Callers add the records sorted by key.
#[derive(Default)]
struct Records(Vec<u8>);

impl Records {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        // A record begins with its own length, digits included, and ends with a line feed.
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        self.0.extend_from_slice(length.to_string().as_bytes());
        self.0.push(b' ');
        self.0.extend_from_slice(key);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// The number for the header's field, which is zero when a record has to hold it.
    fn number(&mut self, key: &str, number: u64, most: u64) -> u64 {
        if number <= most {
            return number;
        }
        self.add(key.as_bytes(), number.to_string().as_bytes());
        0
    }
}
