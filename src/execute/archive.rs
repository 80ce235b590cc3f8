//! ADD of a local archive: it is known by its content, and unpacked at the destination.

use super::place::Placement;
use super::stack::Stack;
use crate::layer::{DETECT, Entry, Format, Found, LayerError, Unpack, decoder, detect};
use std::fs::File;
use std::io::{self, Cursor, Read};

/// The tar in a file, when it is one: plain, or in one of the compressions that ADD knows.
pub(super) fn content(file: &File) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
    let mut stream: Box<dyn Read + Send + '_> = Box::new(file);
    let mut start = start_of(&mut stream)?;
    let format = detect(&start);
    if format == Format::Unknown {
        return Ok(None);
    }
    stream = Box::new(Cursor::new(start).chain(stream));
    if format != Format::Tar {
        stream = decoder(format, stream)?;
        // Something else may be compressed, and then it is just a file.
        start = match start_of(&mut stream) {
            Ok(start) => start,
            Err(_) => return Ok(None),
        };
        if detect(&start) != Format::Tar {
            return Ok(None);
        }
        stream = Box::new(Cursor::new(start).chain(stream));
    }
    Ok(Some(stream))
}

fn start_of(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(DETECT);
    stream.take(DETECT as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// Unpacks an archive below a directory of a placement.
pub(super) fn unpack(
    content: impl Read + Send,
    placement: &Placement<'_>,
    destination: &[u8],
    below: &Stack,
) -> Result<(), LayerError> {
    let open_lower = |found: &Found<'_>| below.open(found);
    let adjust = |entry: &mut Entry| {
        // `--chown` is for what an archive holds, and `--chmod` is not.
        if let Some(owner) = placement.owner() {
            (entry.uid, entry.gid) = (owner.uid, owner.gid);
        }
    };
    let options = Unpack {
        whiteouts: false,
        base: destination,
        lower: Some(below.view()),
        open_lower: Some(&open_lower),
        adjust: Some(&adjust),
        alone: false,
    };
    crate::layer::unpack(content, placement.writer(), &options)?;
    Ok(())
}
