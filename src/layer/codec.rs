//! Listings as bytes.
//!
//! ```text
//! magic    8 bytes  "varvelst"
//! version  1 byte   1; or 2, when a hard link names something that is no file, which older releases do not know
//! count    number of entries
//! entries  in tree order, see below
//! check    16 bytes, the first half of blake3 of everything before
//! ```
//!
//! Numbers are little-endian base 128, seven bits a byte; bytes are their number and themselves.
//! An entry is
//!
//! ```text
//! tag      kind in bits 0-3; bit 4: mode and owner as the last entry of this kind; bit 5: time as the last entry
//!          that had one; bit 6: xattrs follow; bit 7: zero
//! path     number of bytes shared with the path before, then the other bytes
//! content  file: size, 32 bytes of digest; symlink: target; hard link: place of its first name;
//!          devices: major, minor
//! owner    mode, uid, gid, unless bit 4
//! time     seconds as zigzag difference from the last time (wrapping), nanoseconds, unless bit 5
//! xattrs   count, then name and value of each, when bit 6
//! ```
//!
//! Hard links (metadata as their first name) and whiteouts end after `content`.

use super::entry::{Entry, Kind, Time, TreePath, tree_order};
use super::listing::{Listing, ListingError, MAX_PATH, canonical, check_path, is_below, parent};
use crate::digest::{FileDigest, FileHasher};

const MAGIC: &[u8; 8] = b"varvelst";
/// A hard link names a file, and nothing else.
const FILE_LINKS: u8 = 1;
/// Hard links may name symbolic links, devices and pipes as well.
const ALL_LINKS: u8 = 2;
const CHECK: usize = 16;
/// An entry takes at least tag, two path numbers and a byte of path.
const LEAST_ENTRY: usize = 3;

const SAME_OWNER: u8 = 1 << 4;
const SAME_TIME: u8 = 1 << 5;
const XATTRS: u8 = 1 << 6;

const FILE: u8 = 0;
const DIRECTORY: u8 = 1;
const OPAQUE: u8 = 2;
const SYMLINK: u8 = 3;
const HARD_LINK: u8 = 4;
const CHARACTER: u8 = 5;
const BLOCK: u8 = 6;
const FIFO: u8 = 7;
const WHITEOUT: u8 = 8;

fn tag(kind: &Kind) -> u8 {
    match kind {
        Kind::File { .. } => FILE,
        Kind::Directory { opaque: false } => DIRECTORY,
        Kind::Directory { opaque: true } => OPAQUE,
        Kind::Symlink { .. } => SYMLINK,
        Kind::HardLink { .. } => HARD_LINK,
        Kind::Character { .. } => CHARACTER,
        Kind::Block { .. } => BLOCK,
        Kind::Fifo => FIFO,
        Kind::Whiteout => WHITEOUT,
    }
}

/// Appends the part of an entry that is the delta's identity: everything but the time.
pub(super) fn identity(entry: &Entry, out: &mut Vec<u8>) {
    out.push(tag(&entry.kind));
    put_bytes(out, &entry.path);
    match &entry.kind {
        Kind::File { size, digest } => {
            put_number(out, *size);
            out.extend_from_slice(digest.as_bytes());
        }
        Kind::Symlink { target } | Kind::HardLink { target } => put_bytes(out, target),
        Kind::Character { major, minor } | Kind::Block { major, minor } => {
            put_number(out, u64::from(*major));
            put_number(out, u64::from(*minor));
        }
        Kind::Directory { .. } | Kind::Fifo | Kind::Whiteout => (),
    }
    put_number(out, u64::from(entry.mode));
    put_number(out, u64::from(entry.uid));
    put_number(out, u64::from(entry.gid));
    put_xattrs(out, entry);
}

/// Writes entries that hold what [`Listing`] promises.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + entries.len() * 64);
    out.extend_from_slice(MAGIC);
    out.push(FILE_LINKS);
    put_number(&mut out, entries.len() as u64);
    let mut last_path: &[u8] = &[];
    let mut owners = [None; 9];
    let mut last_time = Time::default();
    for entry in entries {
        let tag = tag(&entry.kind);
        let bare = matches!(entry.kind, Kind::HardLink { .. } | Kind::Whiteout);
        let owner = Some((entry.mode, entry.uid, entry.gid));
        let mut flags = tag;
        if !bare {
            flags |= if owners[usize::from(tag)] == owner {
                SAME_OWNER
            } else {
                0
            };
            flags |= if last_time == entry.mtime { SAME_TIME } else { 0 };
            flags |= if entry.xattrs.is_empty() { 0 } else { XATTRS };
        }
        out.push(flags);
        let shared = last_path.iter().zip(&entry.path).take_while(|(a, b)| a == b).count();
        put_number(&mut out, shared as u64);
        put_bytes(&mut out, &entry.path[shared..]);
        last_path = &entry.path;
        match &entry.kind {
            Kind::File { size, digest } => {
                put_number(&mut out, *size);
                out.extend_from_slice(digest.as_bytes());
            }
            Kind::Symlink { target } => put_bytes(&mut out, target),
            Kind::HardLink { target } => {
                // A listing's links always name one of its entries.
                let at = super::listing::search(entries, target).unwrap_or_default();
                if !matches!(entries[at].kind, Kind::File { .. }) {
                    out[MAGIC.len()] = ALL_LINKS;
                }
                put_number(&mut out, at as u64);
            }
            Kind::Character { major, minor } | Kind::Block { major, minor } => {
                put_number(&mut out, u64::from(*major));
                put_number(&mut out, u64::from(*minor));
            }
            Kind::Directory { .. } | Kind::Fifo | Kind::Whiteout => (),
        }
        if bare {
            continue;
        }
        if flags & SAME_OWNER == 0 {
            put_number(&mut out, u64::from(entry.mode));
            put_number(&mut out, u64::from(entry.uid));
            put_number(&mut out, u64::from(entry.gid));
            owners[usize::from(tag)] = owner;
        }
        if flags & SAME_TIME == 0 {
            let difference = entry.mtime.seconds.wrapping_sub(last_time.seconds);
            put_number(&mut out, zigzag(difference));
            put_number(&mut out, u64::from(entry.mtime.nanoseconds));
            last_time = entry.mtime;
        }
        if flags & XATTRS != 0 {
            put_xattrs(&mut out, entry);
        }
    }
    let check = FileHasher::of(&out);
    out.extend_from_slice(&check.as_bytes()[..CHECK]);
    out
}

/// Reads what [`encode`] wrote.
pub(super) fn decode(bytes: &[u8]) -> Result<Listing, ListingError> {
    let short = ListingError::Encoding("it is cut off");
    let body = bytes.len().checked_sub(CHECK).ok_or(short.clone())?;
    let (body, check) = bytes.split_at(body);
    let rest = body
        .strip_prefix(MAGIC)
        .ok_or(ListingError::Encoding("it does not begin like one"))?;
    let (version, rest) = rest.split_first().ok_or(short)?;
    if !matches!(*version, FILE_LINKS | ALL_LINKS) {
        return Err(ListingError::Version(*version));
    }
    if FileHasher::of(body).as_bytes()[..CHECK] != *check {
        return Err(ListingError::Encoding("its checksum differs"));
    }
    let mut input = Input(rest);
    let count = input.size()?;
    if count > rest.len() / LEAST_ENTRY {
        return Err(ListingError::Encoding("it has fewer entries than it says"));
    }
    let mut decoder = Decoder {
        entries: Vec::with_capacity(count),
        owners: [(0, 0, 0); 9],
        time: Time::default(),
        // Shared prefixes let few bytes stand for many; real trees stay far below this.
        path_budget: (256 << 20) + 64 * bytes.len(),
        open: Vec::new(),
        needs: FILE_LINKS,
    };
    for _ in 0..count {
        decoder.entry(&mut input)?;
    }
    if decoder.needs != *version {
        return Err(ListingError::Encoding("its format is not the one for what it holds"));
    }
    if !input.0.is_empty() {
        return Err(ListingError::Encoding("bytes follow the last entry"));
    }
    Ok(Listing::from_checked(decoder.entries))
}

struct Decoder {
    entries: Vec<Entry>,
    owners: [(u16, u32, u32); 9],
    time: Time,
    path_budget: usize,
    /// Places of the directories that the last entry stands in or is.
    open: Vec<usize>,
    /// The first format that can say all the entries.
    needs: u8,
}

impl Decoder {
    fn entry(&mut self, input: &mut Input<'_>) -> Result<(), ListingError> {
        let flags = input.byte()?;
        let tag = flags & 15;
        let path = self.path(input)?;
        let kind = match tag {
            FILE => Kind::File {
                size: input.number()?,
                digest: FileDigest::from_bytes(input.array()?),
            },
            DIRECTORY => Kind::Directory { opaque: false },
            OPAQUE => Kind::Directory { opaque: true },
            SYMLINK => Kind::Symlink {
                target: input.bytes()?.into(),
            },
            HARD_LINK => {
                let at = input.size()?;
                let Some(first) = self.entries.get(at).filter(|first| first.kind.can_be_linked()) else {
                    return Err(ListingError::HardLink {
                        path,
                        target: TreePath::default(),
                    });
                };
                if !matches!(first.kind, Kind::File { .. }) {
                    self.needs = ALL_LINKS;
                }
                let link = Entry {
                    path,
                    kind: Kind::HardLink {
                        target: first.path.clone(),
                    },
                    xattrs: first.xattrs.clone(),
                    ..*first
                };
                self.entries.push(link);
                return Ok(());
            }
            CHARACTER => Kind::Character {
                major: input.small()?,
                minor: input.small()?,
            },
            BLOCK => Kind::Block {
                major: input.small()?,
                minor: input.small()?,
            },
            FIFO => Kind::Fifo,
            WHITEOUT => Kind::Whiteout,
            _ => return Err(ListingError::Encoding("an entry is of no known kind")),
        };
        let mut entry = Entry {
            path,
            kind,
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            xattrs: Vec::new(),
        };
        if tag != WHITEOUT {
            let owner = &mut self.owners[usize::from(tag)];
            if flags & SAME_OWNER == 0 {
                let mode = input
                    .small()?
                    .try_into()
                    .map_err(|_| ListingError::Encoding("a mode is out of range"))?;
                *owner = (mode, input.small()?, input.small()?);
            }
            (entry.mode, entry.uid, entry.gid) = *owner;
            if flags & SAME_TIME == 0 {
                let difference = unzigzag(input.number()?);
                let seconds = self.time.seconds.wrapping_add(difference);
                self.time = Time {
                    seconds,
                    nanoseconds: input.small()?,
                };
            }
            entry.mtime = self.time;
            if flags & XATTRS != 0 {
                for _ in 0..input.size()? {
                    entry.xattrs.push((input.bytes()?.into(), input.bytes()?.into()));
                }
            }
        }
        canonical(&mut entry)?;
        if matches!(entry.kind, Kind::Directory { .. }) && !entry.path.is_empty() {
            self.open.push(self.entries.len());
        }
        self.entries.push(entry);
        Ok(())
    }

    fn path(&mut self, input: &mut Input<'_>) -> Result<TreePath, ListingError> {
        let last: &[u8] = self.entries.last().map_or(&[], |entry| &entry.path);
        let shared = input.size()?;
        let suffix = input.bytes()?;
        let Some(prefix) = last.get(..shared) else {
            return Err(ListingError::Encoding("a path shares more than there is"));
        };
        if shared + suffix.len() > MAX_PATH {
            return Err(ListingError::Encoding("a path is too long"));
        }
        let mut path = Vec::with_capacity(shared + suffix.len());
        path.extend_from_slice(prefix);
        path.extend_from_slice(suffix);
        let path = path.into_boxed_slice();
        self.path_budget = self
            .path_budget
            .checked_sub(path.len())
            .ok_or(ListingError::Encoding("its paths are too long together"))?;
        // The shared part was checked with the path before, from the last slash on it may have got longer.
        let fresh = parent(prefix).len();
        check_path(path[fresh..].strip_prefix(b"/").unwrap_or(&path[fresh..]))?;
        if !self.entries.is_empty() && !tree_order(last, &path).is_lt() {
            return Err(ListingError::Encoding("its paths are not sorted"));
        }
        while self
            .open
            .last()
            .is_some_and(|at| !is_below(&path, &self.entries[*at].path))
        {
            self.open.pop();
        }
        let above: &[u8] = self.open.last().map_or(&[], |at| &self.entries[*at].path);
        if parent(&path) != above {
            return Err(ListingError::Parent(path));
        }
        Ok(path)
    }
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 128 {
        out.push(number as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_xattrs(out: &mut Vec<u8>, entry: &Entry) {
    put_number(out, entry.xattrs.len() as u64);
    for (name, value) in &entry.xattrs {
        put_bytes(out, name);
        put_bytes(out, value);
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ListingError> {
        let (head, tail) = self
            .0
            .split_at_checked(length)
            .ok_or(ListingError::Encoding("it is cut off"))?;
        self.0 = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8, ListingError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ListingError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn number(&mut self) -> Result<u64, ListingError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(number);
            }
        }
        Err(ListingError::Encoding("a number is out of range"))
    }

    fn small(&mut self) -> Result<u32, ListingError> {
        self.number()?
            .try_into()
            .map_err(|_| ListingError::Encoding("a number is out of range"))
    }

    fn size(&mut self) -> Result<usize, ListingError> {
        self.number()?
            .try_into()
            .map_err(|_| ListingError::Encoding("a number is out of range"))
    }

    fn bytes(&mut self) -> Result<&'a [u8], ListingError> {
        let length = self.size()?;
        self.take(length)
    }
}
