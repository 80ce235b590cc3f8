//! Sections of ELF programs, found by name, and what their segments put at an address.

use super::files::Reader;

/// Most sections or segments that are looked at.
const MOST: u64 = 4096;
/// Largest table of names, in bytes.
const LARGEST_NAMES: u64 = 1 << 20;

/// A program whose tables were read.
pub(super) struct Elf<'a> {
    file: &'a Reader<'a>,
    wide: bool,
    big: bool,
    sections: Vec<Section>,
    segments: Vec<Segment>,
}

struct Section {
    name: String,
    offset: u64,
    size: u64,
}

struct Segment {
    offset: u64,
    address: u64,
    size: u64,
}

impl<'a> Elf<'a> {
    /// Reads the tables; nothing when the file is no ELF program or has none.
    pub(super) fn read(file: &'a Reader<'a>) -> Option<Self> {
        let start = file.part(0, 64)?;
        if &start[..4] != b"\x7fELF" {
            return None;
        }
        let mut elf = Self {
            file,
            wide: start[4] == 2,
            big: start[5] == 2,
            sections: Vec::new(),
            segments: Vec::new(),
        };
        // Places of the fields in the wide and in the narrow header.
        let at = |wide: usize, narrow: usize| if elf.wide { wide } else { narrow };
        let segments = elf.table(elf.address(&start, at(32, 28))?, &start, at(54, 42))?;
        let sections = elf.table(elf.address(&start, at(40, 32))?, &start, at(58, 46))?;
        let names = usize::from(elf.short(&start, at(62, 50))?);
        elf.segments = segments
            .iter()
            .filter_map(|entry| {
                Some(Segment {
                    offset: elf.address(entry, at(8, 4))?,
                    address: elf.address(entry, at(16, 8))?,
                    size: elf.address(entry, at(32, 16))?,
                })
            })
            .collect();
        let place = |entry: &Vec<u8>| Some((elf.address(entry, at(24, 16))?, elf.address(entry, at(32, 20))?));
        let (offset, size) = place(sections.get(names)?)?;
        let names = file.part(offset, Some(size).filter(|size| *size <= LARGEST_NAMES)?)?;
        elf.sections = sections
            .iter()
            .filter_map(|entry| {
                let (offset, size) = place(entry)?;
                let name = names.get(usize::try_from(elf.long(entry, 0)?).ok()?..)?;
                let name = name.split(|byte| *byte == 0).next()?;
                // Of hostile tables each name could be as long as all of them.
                let name = name.get(..name.len().min(64))?;
                Some(Section {
                    name: String::from_utf8_lossy(name).into_owned(),
                    offset,
                    size,
                })
            })
            .collect();
        Some(elf)
    }

    /// The bytes of a section, if it is there and not too large.
    pub(super) fn section(&self, name: &str, limit: u64) -> Option<Vec<u8>> {
        let section = self.sections.iter().find(|it| it.name == name)?;
        (section.size <= limit).then(|| self.file.part(section.offset, section.size))?
    }

    /// So many bytes at an address of the running program.
    pub(super) fn memory(&self, address: u64, length: u64) -> Option<Vec<u8>> {
        let segment = self.segments.iter().find(|it| {
            let inside = address.checked_sub(it.address);
            inside.is_some_and(|inside| inside.checked_add(length).is_some_and(|end| end <= it.size))
        })?;
        let offset = segment.offset.checked_add(address - segment.address)?;
        self.file.part(offset, length)
    }

    /// The entries of a table; the header has their size and number at `at`.
    fn table(&self, offset: u64, header: &[u8], at: usize) -> Option<Vec<Vec<u8>>> {
        let (size, count) = (self.short(header, at)?, self.short(header, at + 2)?);
        if offset == 0 || count == 0 {
            return Some(Vec::new());
        }
        let (size, count) = (u64::from(size), u64::from(count).min(MOST));
        let least = if self.wide { 56 } else { 32 };
        if size < least || size > 256 {
            return None;
        }
        let table = self.file.part(offset, size * count)?;
        Some(
            table
                .chunks_exact(usize::try_from(size).ok()?)
                .map(<[u8]>::to_vec)
                .collect(),
        )
    }

    fn address(&self, bytes: &[u8], at: usize) -> Option<u64> {
        if !self.wide {
            return self.long(bytes, at).map(u64::from);
        }
        let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
        Some(if self.big {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    fn long(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if self.big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn short(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self.big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }
}
