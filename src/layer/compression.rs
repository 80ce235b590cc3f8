//! Compressed streams: what they are, how they are read, and how layers are written.

use super::tar_reader::is_header;
use std::io::{self, BufReader, Read};

/// How a layer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// As it is.
    None,
    /// gzip (RFC 1952) in members of 1 MiB.
    Gzip {
        /// 0 to 12; higher is smaller and slower.
        level: i32,
    },
    /// zstd (RFC 8878) in frames of 4 MiB.
    Zstd {
        /// 0 to 22; higher is smaller and slower.
        level: i32,
    },
}

/// A level that the compression does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name} has levels {from} to {to}, not {level}")]
pub struct NoSuchLevel {
    name: &'static str,
    from: i32,
    to: i32,
    level: i32,
}

impl Compression {
    /// gzip's usual level: twice as fast as the next, whose result is a few hundredths smaller.
    pub const GZIP: Self = Self::Gzip { level: 1 };
    /// zstd's usual level.
    pub const ZSTD: Self = Self::Zstd { level: 3 };

    /// gzip at a level from 0 to 9 (above 9, 10 to 12 take very long), or at the usual one.
    pub fn gzip(level: Option<i32>) -> Result<Self, NoSuchLevel> {
        match level {
            None => Ok(Self::GZIP),
            Some(level @ 0..=12) => Ok(Self::Gzip { level }),
            Some(level) => Err(NoSuchLevel {
                name: "gzip",
                from: 0,
                to: 12,
                level,
            }),
        }
    }

    /// zstd at a level from 0 (the usual one) to 22.
    pub fn zstd(level: Option<i32>) -> Result<Self, NoSuchLevel> {
        match level {
            None | Some(0) => Ok(Self::ZSTD),
            Some(level @ 1..=22) => Ok(Self::Zstd { level }),
            Some(level) => Err(NoSuchLevel {
                name: "zstd",
                from: 0,
                to: 22,
                level,
            }),
        }
    }

    /// A name under which the result can be kept: equal names give equal bytes.
    pub fn name(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            // Was `gzip-1` when another encoder did it, which gave other bytes.
            Self::GZIP => "gzip-fast".to_owned(),
            Self::Gzip { level } => format!("gzip-{level}"),
            Self::Zstd { level } => format!("zstd-{level}"),
        }
    }
}

/// What a stream is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A tar, not compressed.
    Tar,
    /// gzip.
    Gzip,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
    /// zstd.
    Zstd,
    /// Something else.
    Unknown,
}

/// How many first bytes [`detect`] wants to see: one tar header.
pub const DETECT: usize = 512;

/// What a stream is; `start` are its first [`DETECT`] bytes, or all when there are fewer.
///
/// A tar is known by the checksum of its first header. One without members is nothing but zeros, as many other files
/// are, so it is [`Format::Unknown`], as it is to Docker.
pub fn detect(start: &[u8]) -> Format {
    match start {
        [0x1f, 0x8b, 0x08, ..] => Format::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Format::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Format::Xz,
        // The second is a skippable frame, which may stand first.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Format::Zstd,
        _ => match start.first_chunk::<DETECT>() {
            Some(block) if is_header(block) => Format::Tar,
            _ => Format::Unknown,
        },
    }
}

/// What an xz stream may use while it is read, in KiB: enough for `xz -9`.
const XZ_MEMORY: u32 = 128 << 10;
/// The largest zstd window, as a power of two: 128 MiB, what `zstd` itself takes without being asked.
const ZSTD_WINDOW: u32 = 27;

/// The content of a compressed stream; several members, frames or streams after each other are one content.
/// [`Format::Tar`] and [`Format::Unknown`] pass through as they are.
///
/// # Errors
/// When the decoder can't be set up; what is wrong in the stream comes out as errors of reading.
pub fn decoder<'a>(format: Format, stream: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
    let stream = BufReader::with_capacity(64 << 10, stream);
    Ok(match format {
        Format::Tar | Format::Unknown => Box::new(stream),
        Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(stream)),
        Format::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(stream)),
        Format::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(stream, true, XZ_MEMORY)),
        Format::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(stream)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(decoder)
        }
    })
}
