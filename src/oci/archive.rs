//! Finds the members of a tar file without reading their contents.

use super::OciError;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Members that make sense in a tar of images; bounds memory.
const MOST_MEMBERS: usize = 200_000;
/// Largest extended header that is read.
const LARGEST_HEADER: u64 = 1 << 20;
const BLOCK: u64 = 512;

/// Where things are in a tar file.
#[derive(Debug)]
pub(super) struct Archive {
    file: Arc<File>,
    members: HashMap<String, Member>,
}

#[derive(Debug, Clone)]
enum Member {
    File {
        offset: u64,
        size: u64,
    },
    /// A symbolic or hard link to another member.
    Link(String),
}

impl Archive {
    /// Reads the headers of a tar file, each with one read.
    pub(super) fn open(path: &Path, file: File) -> Result<Self, OciError> {
        let mut scan = Scan {
            path,
            file: &file,
            length: file.metadata().map_err(|source| unreadable(path, source))?.len(),
            at: 0,
        };
        let members = scan.members()?;
        Ok(Self {
            file: Arc::new(file),
            members,
        })
    }

    /// The part of the file that holds a member's content.
    pub(super) fn find(&self, name: &str) -> Option<FileRange> {
        let mut name = name.trim_start_matches("./").to_owned();
        // Archives of old Docker versions say with links that two layers are the same.
        for _ in 0..8 {
            match self.members.get(&name)? {
                Member::File { offset, size } => return Some(FileRange::new(&self.file, *offset, *size)),
                Member::Link(target) => name.clone_from(target),
            }
        }
        None
    }
}

/// A part of a file, read without moving the file's own position, so that many can be read at once.
#[derive(Debug, Clone)]
pub(super) struct FileRange {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl FileRange {
    pub(super) fn new(file: &Arc<File>, offset: u64, size: u64) -> Self {
        Self {
            file: Arc::clone(file),
            at: offset,
            left: size,
        }
    }

    /// Bytes that are left.
    pub(super) fn size(&self) -> u64 {
        self.left
    }

    /// Where it begins in the file.
    pub(super) fn place(&self) -> (&Arc<File>, u64) {
        (&self.file, self.at)
    }
}

impl io::Read for FileRange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

struct Scan<'a> {
    path: &'a Path,
    file: &'a File,
    length: u64,
    at: u64,
}

/// What an extended header says about the member that follows it.
#[derive(Default)]
struct Extension {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

impl Scan<'_> {
    fn members(&mut self) -> Result<HashMap<String, Member>, OciError> {
        let mut members = HashMap::new();
        let mut next = Extension::default();
        while let Some(header) = self.header()? {
            let kind = header.entry_type();
            let own = header.entry_size().map_err(|error| self.wrong(error))?;
            // Only what is a member takes its size from an extended header.
            let extends = kind.is_pax_local_extensions()
                || kind.is_pax_global_extensions()
                || kind.is_gnu_longname()
                || kind.is_gnu_longlink();
            let size = if extends { own } else { next.size.unwrap_or(own) };
            let body = self.at;
            let padded = size
                .checked_next_multiple_of(BLOCK)
                .ok_or_else(|| self.wrong("a size is too large"))?;
            self.at = body
                .checked_add(padded)
                .ok_or_else(|| self.wrong("a size is too large"))?;
            if body.saturating_add(size) > self.length {
                return Err(self.wrong("it ends in the middle of a member"));
            }
            if kind.is_pax_local_extensions() {
                self.pax(&self.body(body, size)?, &mut next)?;
                continue;
            }
            if kind.is_gnu_longname() || kind.is_gnu_longlink() {
                let text = self.body(body, size)?;
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                let text = Some(String::from_utf8_lossy(text).into_owned());
                if kind.is_gnu_longname() {
                    next.path = text;
                } else {
                    next.link = text;
                }
                continue;
            }
            if kind.is_pax_global_extensions() {
                continue;
            }
            let said = std::mem::take(&mut next);
            let name = said
                .path
                .unwrap_or_else(|| String::from_utf8_lossy(&header.path_bytes()).into_owned());
            let Some(name) = normal("", &name) else { continue };
            let link = || {
                said.link.clone().or_else(|| {
                    let link = header.link_name_bytes()?;
                    Some(String::from_utf8_lossy(&link).into_owned())
                })
            };
            let member = match kind {
                tar::EntryType::Regular | tar::EntryType::Continuous => Member::File { offset: body, size },
                tar::EntryType::Symlink => {
                    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                    match link().and_then(|link| normal(folder, &link)) {
                        Some(target) => Member::Link(target),
                        None => continue,
                    }
                }
                tar::EntryType::Link => match link().and_then(|link| normal("", &link)) {
                    Some(target) => Member::Link(target),
                    None => continue,
                },
                _ => continue,
            };
            if members.len() >= MOST_MEMBERS {
                return Err(self.wrong("it has too many members"));
            }
            // A later member replaces an earlier one, as when unpacking.
            members.insert(name, member);
        }
        Ok(members)
    }

    /// The next header; `None` at the end, which is a block of zeros or the end of the file.
    fn header(&mut self) -> Result<Option<tar::Header>, OciError> {
        let mut header = tar::Header::new_old();
        let bytes = header.as_mut_bytes();
        let mut have = 0;
        while have < bytes.len() {
            match self.file.read_at(&mut bytes[have..], self.at + have as u64) {
                Ok(0) => break,
                Ok(count) => have += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(source) => return Err(unreadable(self.path, source)),
            }
        }
        if have == 0 && self.at > 0 {
            return Ok(None);
        }
        if have < bytes.len() {
            let reason = if self.at == 0 {
                "it is too short"
            } else {
                "it ends in the middle of a header"
            };
            return Err(self.wrong(reason));
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let start = *bytes;
        let sum: u32 = start
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
            .sum();
        if header.cksum().ok() != Some(sum) {
            let reason = match start {
                [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [b'B', b'Z', b'h', ..] | [0xfd, b'7', b'z', ..]
                    if self.at == 0 =>
                {
                    "it is compressed; unpack it first"
                }
                _ => "a header's checksum is wrong",
            };
            return Err(self.wrong(reason));
        }
        self.at += BLOCK;
        Ok(Some(header))
    }

    fn body(&self, at: u64, size: u64) -> Result<Vec<u8>, OciError> {
        if size > LARGEST_HEADER {
            return Err(self.wrong("an extended header is too large"));
        }
        let mut body = vec![0; usize::try_from(size).unwrap_or_default()];
        self.file
            .read_exact_at(&mut body, at)
            .map_err(|source| unreadable(self.path, source))?;
        Ok(body)
    }

    /// Reads records of the form `LENGTH KEY=VALUE\n` by their lengths (POSIX pax): values may hold anything.
    fn pax(&self, mut body: &[u8], next: &mut Extension) -> Result<(), OciError> {
        while !body.is_empty() && body[0] != 0 {
            let wrong = || self.wrong("an extended header is damaged");
            let blank = body.iter().position(|byte| *byte == b' ').ok_or_else(wrong)?;
            let length: usize = std::str::from_utf8(&body[..blank])
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(wrong)?;
            let record = body
                .get(blank + 1..length)
                .and_then(|record| record.strip_suffix(b"\n"))
                .ok_or_else(wrong)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
            let (key, value) = (&record[..equals], String::from_utf8_lossy(&record[equals + 1..]));
            match key {
                b"path" => next.path = Some(value.into_owned()),
                b"linkpath" => next.link = Some(value.into_owned()),
                b"size" => next.size = Some(value.parse().map_err(|_| wrong())?),
                _ => (),
            }
            body = &body[length..];
        }
        Ok(())
    }

    fn wrong(&self, reason: impl ToString) -> OciError {
        OciError::Archive {
            path: self.path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

/// A clean relative name; `None` when it is empty or leads out of the archive.
fn normal(folder: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = if name.starts_with('/') {
        Vec::new()
    } else {
        folder.split('/').filter(|part| !part.is_empty()).collect()
    };
    for part in name.split('/') {
        match part {
            "" | "." => (),
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn unreadable(path: &Path, source: io::Error) -> OciError {
    OciError::Io {
        action: "read",
        path: PathBuf::from(path),
        source,
    }
}
