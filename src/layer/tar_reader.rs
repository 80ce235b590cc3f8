//! Reads tars of every dialect that build tools meet: v7, ustar, GNU and PAX.

use super::entry::{Time, Xattrs};
use super::error::LayerError;
use super::pax::Records;
use super::sparse::{self, Part};
use super::tar_writer::BLOCK;
use std::io::{self, Read};
use tar::Header;

/// Longest body of a header that describes another; the limit of Go's reader.
const MAX_DESCRIPTION: u64 = 1 << 20;

/// One member of an archive, as it is written there.
#[derive(Debug)]
pub(super) struct Member {
    /// Where its header stands in the uncompressed stream.
    pub(super) offset: u64,
    /// The type byte; that of a sparse file is a file's.
    pub(super) kind: u8,
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Time,
    /// Bytes of the content after holes are filled in.
    pub(super) size: u64,
    pub(super) device: (u32, u32),
    pub(super) xattrs: Xattrs,
}

/// Goes through an archive member by member.
pub(super) struct TarReader<R> {
    reader: R,
    /// Bytes read so far.
    at: u64,
    /// Bytes of the current member's data that were not read, and the padding after them.
    left: u64,
    padding: u64,
    /// Parts of the current member with data, and its whole size, when it is sparse.
    sparse: Option<(Vec<Part>, u64)>,
    ended: bool,
}

impl<R: Read> TarReader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            at: 0,
            left: 0,
            padding: 0,
            sparse: None,
            ended: false,
        }
    }

    /// The next member, whatever was left of the last one skipped.
    pub(super) fn next(&mut self) -> Result<Option<Member>, LayerError> {
        if self.ended {
            return Ok(None);
        }
        self.skip()?;
        let mut pax = Records::default();
        let (mut long_path, mut long_link) = (None, None);
        let mut described = 0;
        loop {
            let offset = self.at;
            let Some(header) = self.header()? else {
                self.ended = true;
                return Ok(None);
            };
            let bytes = header.as_bytes();
            let kind = bytes[156];
            let size = number(&bytes[124..136]).filter(|size| *size >= 0);
            let size = size.ok_or_else(|| self.damaged(offset, "its size is not a number"))? as u64;
            match kind {
                b'x' | b'X' => {
                    let body = self.description(offset, size, &mut described)?;
                    pax.read(&body).map_err(|what| self.damaged(offset, what))?;
                }
                // As Docker does: a global header describes the archive, no member.
                b'g' => drop(self.description(offset, size, &mut described)?),
                b'L' => long_path = Some(until_zero(&self.description(offset, size, &mut described)?).to_vec()),
                b'K' => long_link = Some(until_zero(&self.description(offset, size, &mut described)?).to_vec()),
                // A volume's label, and old GNU's table of long names.
                b'V' | b'N' => {
                    self.member_data(size);
                    self.skip()?;
                }
                _ => return self.member(offset, &header, size, pax, long_path, long_link).map(Some),
            }
        }
    }

    /// The current member's content, with holes filled in.
    pub(super) fn data(&mut self) -> Data<'_, R> {
        let sparse = self.sparse.take();
        Data {
            size: sparse.as_ref().map_or(self.left, |it| it.1),
            sparse: sparse.map(|it| it.0),
            at: 0,
            tar: self,
        }
    }

    fn member(
        &mut self,
        offset: u64,
        header: &Header,
        size: u64,
        pax: Records,
        long_path: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Member, LayerError> {
        let damaged = |what: &str| LayerError::Archive {
            offset,
            what: what.to_owned(),
        };
        let bytes = header.as_bytes();
        let field = |range: std::ops::Range<usize>, what| number(&bytes[range]).ok_or_else(|| damaged(what));
        let stored = pax.size.unwrap_or(size);
        let mut member = Member {
            offset,
            kind: bytes[156],
            path: pax
                .path
                .or(long_path)
                .unwrap_or_else(|| header.path_bytes().into_owned()),
            link: pax
                .link
                .or(long_link)
                .unwrap_or_else(|| until_zero(&bytes[157..257]).to_vec()),
            mode: (field(100..108, "its mode is not a number")? & 0o7777) as u16,
            uid: id(pax
                .uid
                .map_or_else(|| field(108..116, "its owner is not a number"), Ok)?)
            .ok_or_else(|| damaged("its owner is out of range"))?,
            gid: id(pax
                .gid
                .map_or_else(|| field(116..124, "its group is not a number"), Ok)?)
            .ok_or_else(|| damaged("its group is out of range"))?,
            mtime: match pax.mtime {
                Some(mtime) => mtime,
                None => Time {
                    seconds: field(136..148, "its time is not a number")?,
                    nanoseconds: 0,
                },
            },
            size: stored,
            device: (0, 0),
            xattrs: pax.xattrs,
        };
        if matches!(member.kind, b'3' | b'4') {
            let device = |range, what| field(range, what)?.try_into().map_err(|_| damaged(what));
            member.device = (
                device(329..337, "its device number is not one")?,
                device(337..345, "its device number is not one")?,
            );
        }
        if matches!(member.kind, 0 | b'0' | b'7') && member.path.ends_with(b"/") {
            member.kind = b'5';
        }
        // Old archivers give sizes to members that have no data.
        let has_data = !matches!(member.kind, b'1'..=b'6');
        self.member_data(if has_data { stored } else { 0 });
        if !has_data {
            member.size = 0;
        }
        let map = match (member.kind, pax.sparse) {
            (b'S', _) => {
                let whole = number(&bytes[483..495]).and_then(|it| u64::try_from(it).ok());
                let whole = whole.ok_or_else(|| damaged("its size is not a number"))?;
                Some((self.old_sparse(offset, bytes)?, whole))
            }
            (0 | b'0' | b'7', Some(sparse)) => {
                if let Some(path) = sparse.path {
                    member.path = path;
                }
                let whole = sparse.size.ok_or_else(|| damaged("its sparse size is missing"))?;
                let map = if sparse.in_data {
                    self.sparse_in_data(offset)?
                } else {
                    sparse.map
                };
                Some((map, whole))
            }
            _ => None,
        };
        if let Some((map, whole)) = map {
            sparse::check(&map, self.left, whole).map_err(damaged)?;
            member.kind = b'0';
            member.size = whole;
            self.sparse = Some((map, whole));
        }
        Ok(member)
    }

    fn member_data(&mut self, size: u64) {
        self.left = size;
        self.padding = size.wrapping_neg() % BLOCK as u64;
        self.sparse = None;
    }

    /// The body of a header that describes the next one.
    fn description(&mut self, offset: u64, size: u64, described: &mut u64) -> Result<Vec<u8>, LayerError> {
        *described = described.saturating_add(size);
        if *described > MAX_DESCRIPTION {
            return Err(self.damaged(offset, "its description is longer than 1 MiB"));
        }
        self.member_data(size);
        let mut body = vec![0; size as usize];
        self.fill(&mut body)?;
        self.left = 0;
        self.skip()?;
        Ok(body)
    }

    /// The extra blocks of an old GNU sparse header follow it.
    fn old_sparse(&mut self, offset: u64, bytes: &[u8; BLOCK]) -> Result<Vec<Part>, LayerError> {
        let mut map = Vec::new();
        let mut more =
            sparse::read_old(&bytes[386..482], &mut map).map_err(|what| self.damaged(offset, what))? && bytes[482] != 0;
        while more {
            let mut block = [0; BLOCK];
            self.fill(&mut block)?;
            more = sparse::read_old(&block[..504], &mut map).map_err(|what| self.damaged(offset, what))?
                && block[504] != 0;
        }
        Ok(map)
    }

    /// GNU's format 1.0 puts the map in front of the data, as lines of decimal numbers in whole blocks.
    fn sparse_in_data(&mut self, offset: u64) -> Result<Vec<Part>, LayerError> {
        let mut map = sparse::Lines::default();
        loop {
            if self.left < BLOCK as u64 {
                return Err(self.damaged(offset, "its sparse map is cut off"));
            }
            let mut block = [0; BLOCK];
            self.fill(&mut block)?;
            self.left -= BLOCK as u64;
            if let Some(map) = map.read(&block).map_err(|what| self.damaged(offset, what))? {
                return Ok(map);
            }
        }
    }

    /// The next header, or `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, LayerError> {
        let offset = self.at;
        let mut header = Header::new_old();
        if !self.fill_or_end(header.as_mut_bytes())? {
            return Ok(None);
        }
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            // The end is two empty blocks; that the second is missing is forgiven, as everywhere.
            let mut second = [0; BLOCK];
            if self.fill_or_end(&mut second)? && second.iter().any(|byte| *byte != 0) {
                return Err(self.damaged(offset, "an empty header stands before its end"));
            }
            return Ok(None);
        }
        let stored = number(&header.as_bytes()[148..156]);
        if !checksums(header.as_bytes()).contains(&stored.unwrap_or(-1)) {
            return Err(self.damaged(offset, "a header's checksum differs"));
        }
        Ok(Some(header))
    }

    fn skip(&mut self) -> Result<(), LayerError> {
        let mut left = self.left.saturating_add(self.padding);
        let mut buffer = [0; 16 << 10];
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            self.fill(&mut buffer[..length])?;
            left -= length as u64;
        }
        (self.left, self.padding, self.sparse) = (0, 0, None);
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), LayerError> {
        let offset = self.at;
        if buffer.is_empty() || self.fill_or_end(buffer)? {
            return Ok(());
        }
        Err(self.damaged(offset, "it is cut off"))
    }

    /// Fills a buffer; `false` when the stream ended before its first byte.
    fn fill_or_end(&mut self, buffer: &mut [u8]) -> Result<bool, LayerError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(self.damaged(self.at, "it is cut off")),
                Ok(count) => {
                    filled += count;
                    self.at += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => return Err(LayerError::Read(error)),
            }
        }
        Ok(true)
    }

    fn damaged(&self, offset: u64, what: &str) -> LayerError {
        LayerError::Archive {
            offset,
            what: what.to_owned(),
        }
    }
}

/// The content of a member.
pub(super) struct Data<'a, R> {
    tar: &'a mut TarReader<R>,
    sparse: Option<Vec<Part>>,
    /// Place in the content, and its end.
    at: u64,
    size: u64,
}

impl<R: Read> Read for Data<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut most = self.size - self.at;
        let mut hole = false;
        if let Some(map) = &self.sparse {
            // The first part that ends after this place; parts are sorted and do not overlap.
            let next = map.get(map.partition_point(|part| part.offset + part.length <= self.at));
            (hole, most) = match next {
                Some(part) if part.offset <= self.at => (false, part.offset + part.length - self.at),
                Some(part) => (true, part.offset - self.at),
                None => (true, most),
            };
        }
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(buffer.len());
        if length == 0 {
            return Ok(0);
        }
        let count = if hole {
            buffer[..length].fill(0);
            length
        } else {
            let count = self.tar.reader.read(&mut buffer[..length])?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is cut off"));
            }
            self.tar.at += count as u64;
            self.tar.left -= count as u64;
            count
        };
        self.at += count as u64;
        Ok(count)
    }
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or(bytes)
}

/// A header's number: octal digits between spaces and zero bytes, or base 256 with the first bit set.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        // The second bit is the sign; fields have at most twelve bytes.
        let start = if first & 0x40 == 0 {
            i128::from(first & 0x7f)
        } else {
            i128::from(first as i8)
        };
        let number = field[1..]
            .iter()
            .try_fold(start, |number, byte| Some(number.checked_mul(256)? + i128::from(*byte)));
        return number.and_then(|number| i64::try_from(number).ok());
    }
    let digits = field.iter().skip_while(|byte| **byte == b' ' || **byte == 0);
    let mut number: i64 = 0;
    for byte in digits {
        match byte {
            b'0'..=b'7' => number = number.checked_mul(8)? + i64::from(byte - b'0'),
            b' ' | 0 => break,
            _ => return None,
        }
    }
    Some(number)
}

/// The checksum of a header over unsigned bytes, as it should be, and over signed ones, as some old archivers did.
fn checksums(bytes: &[u8; BLOCK]) -> [i64; 2] {
    let covered = bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    covered.fold([0, 0], |[unsigned, signed], byte| {
        [unsigned + i64::from(byte), signed + i64::from(byte as i8)]
    })
}

/// Whether a block is a tar's header.
pub(super) fn is_header(block: &[u8; BLOCK]) -> bool {
    let stored = number(&block[148..156]).unwrap_or(-1);
    block.iter().any(|byte| *byte != 0) && checksums(block).contains(&stored)
}

/// An owner or group; negative ones of some archivers are those of 32-bit systems.
fn id(number: i64) -> Option<u32> {
    u32::try_from(number)
        .ok()
        .or_else(|| i32::try_from(number).ok().map(|id| id as u32))
}
