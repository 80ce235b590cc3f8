//! The tar that a layout travels in: few members, fixed metadata, contents of any size.

use super::destination::Sink;
use std::fs::File;
use std::io::{self, Write};
use tar::{EntryType, Header};

const BLOCK: u64 = 512;
/// The largest size that ustar's field of twelve bytes holds.
const LARGEST: u64 = 0o77_777_777_777;

/// Writes members after each other: owner 0, time 0, files read-only.
pub(super) struct ArchiveWriter<'a, 'b> {
    out: &'a mut Sink<'b>,
    cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl<'a, 'b> ArchiveWriter<'a, 'b> {
    pub(super) fn new(out: &'a mut Sink<'b>, cancelled: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { out, cancelled }
    }

    pub(super) fn directory(&mut self, name: &str) -> io::Result<()> {
        self.header(name, EntryType::Directory, 0o755, 0)
    }

    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.header(name, EntryType::Regular, 0o444, bytes.len() as u64)?;
        self.out.write_all(bytes)?;
        self.pad(bytes.len() as u64)
    }

    /// A member whose content is a part of a file.
    pub(super) fn part(&mut self, name: &str, file: &File, offset: u64, size: u64) -> io::Result<()> {
        self.header(name, EntryType::Regular, 0o444, size)?;
        self.out.copy(file, offset, size, self.cancelled)?;
        self.pad(size)
    }

    /// A member whose content `write` writes, exactly `size` bytes of it.
    pub(super) fn written<E: From<io::Error>>(
        &mut self,
        name: &str,
        size: u64,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        self.header(name, EntryType::Regular, 0o444, size)?;
        let mut exact = Exact {
            out: self.out,
            left: size,
        };
        write(&mut exact)?;
        if exact.left > 0 {
            return Err(io::Error::other("the content is shorter than it was").into());
        }
        self.pad(size)?;
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.out.write_all(&[0; 2 * BLOCK as usize])?;
        self.out.flush()
    }

    fn header(&mut self, name: &str, kind: EntryType, mode: u32, size: u64) -> io::Result<()> {
        if size > LARGEST {
            // A record begins with its own length, here always two digits and a blank.
            let record = format!("size={size}\n");
            let record = format!("{} {record}", record.len() + 3);
            self.plain("pax", EntryType::XHeader, 0o444, record.len() as u64)?;
            self.out.write_all(record.as_bytes())?;
            self.pad(record.len() as u64)?;
        }
        self.plain(name, kind, mode, if size > LARGEST { 0 } else { size })
    }

    fn plain(&mut self, name: &str, kind: EntryType, mode: u32, size: u64) -> io::Result<()> {
        let mut header = Header::new_ustar();
        // All names are short and our own; `set_path` would drop the slash of a directory.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.out.write_all(header.as_bytes())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = (size % BLOCK) as usize;
        if over > 0 {
            self.out.write_all(&[0; BLOCK as usize][over..])?;
        }
        Ok(())
    }
}

/// Lets exactly so many bytes pass.
struct Exact<'a, 'b> {
    out: &'a mut Sink<'b>,
    left: u64,
}

impl Write for Exact<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            return Err(io::Error::other("the content is longer than it was"));
        }
        let count = self.out.write(bytes)?;
        self.left -= count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
