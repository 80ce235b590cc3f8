//! From a blob that somebody claims to be a layer to a delta that is one.

use super::error::ExchangeError;
use crate::digest::{ContentId, Sha256};
use crate::layer::{DETECT, DeltaWriter, Host, Unpack, decoder, detect, unpack};
use crate::store::{FarLayer, LayerRecord, Store, StoreError};
use std::io::{self, Cursor, Read};

/// No compression makes a tar smaller than by this factor, unless somebody wants it to.
const MOST_SAVED: u64 = 1100;

/// Unpacks a layer whose blob the store has into a delta, which must be the one that was claimed.
pub(super) fn to_delta(content: &ContentId, layer: &FarLayer, store: &Store, host: &Host) -> Result<(), ExchangeError> {
    let draft = store.draft()?;
    let tree = draft.tree_fd().try_clone_to_owned().map_err(ExchangeError::Bytes)?;
    let writer = DeltaWriter::new(tree, *host);
    let options = Unpack {
        whiteouts: true,
        ..Unpack::default()
    };
    let unpacked = unpack(plain(layer, store)?, &writer, &options)?;
    if unpacked.diff_id != layer.diff_id {
        return Err(ExchangeError::WrongLayer {
            wanted: layer.diff_id,
            found: unpacked.diff_id,
        });
    }
    let listing = writer.finish()?;
    let found = listing.content_id();
    if found != *content {
        return Err(ExchangeError::WrongContent {
            wanted: *content,
            found,
        });
    }
    store.keep_as(draft, &listing, found)?;
    let record = LayerRecord {
        diff_id: layer.diff_id,
        size: unpacked.size,
    };
    store.put_layer(content, &record)?;
    note_blob(layer, store)
}

/// Looks whether the blob of a layer, which the store has, holds the tar that was claimed.
pub(super) fn check(layer: &FarLayer, store: &Store) -> Result<(), ExchangeError> {
    if store.recorded_as(layer)? {
        return Ok(());
    }
    let mut tar = plain(layer, store)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match tar.read(&mut buffer).map_err(ExchangeError::Bytes)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let found = hash.diff_id();
    if found != layer.diff_id {
        return Err(ExchangeError::WrongLayer {
            wanted: layer.diff_id,
            found,
        });
    }
    note_blob(layer, store)
}

/// Remembers what the blob of a layer is, after it was looked at.
fn note_blob(layer: &FarLayer, store: &Store) -> Result<(), ExchangeError> {
    Ok(store.put_blob_of(&layer.diff_id, &layer.compression, &layer.digest, layer.size)?)
}

/// The tar of a layer, or as much of it as makes sense.
fn plain(layer: &FarLayer, store: &Store) -> Result<Box<dyn Read + Send>, ExchangeError> {
    let blob = store.open_blob(&layer.digest)?;
    let mut blob = blob.ok_or(StoreError::NoBlob(layer.digest))?;
    let mut start = Vec::with_capacity(DETECT);
    let read = (&mut blob).take(DETECT as u64).read_to_end(&mut start);
    read.map_err(ExchangeError::Bytes)?;
    let format = detect(&start);
    let tar = decoder(format, Cursor::new(start).chain(blob)).map_err(ExchangeError::Bytes)?;
    let most = layer
        .tar_size
        .unwrap_or_else(|| layer.size.saturating_mul(MOST_SAVED).saturating_add(1 << 20));
    Ok(Box::new(Bounded { tar, left: most }))
}

/// A tar that ends with an error where it is longer than it was told to be.
struct Bounded<R> {
    tar: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.tar.read(buffer)?;
        self.left = (self.left.checked_sub(count as u64))
            .ok_or_else(|| io::Error::other("it is larger than it was told to be"))?;
        Ok(count)
    }
}
