//! Reads a stream on a thread of its own, and hashes it there.

use super::error::LayerError;
use crate::digest::{DiffId, Sha256};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io::{self, Read};

/// Bytes that travel together, and how many such pieces wait at most.
const PIECE: usize = 256 << 10;
const WAITING: usize = 8;

/// Lets `work` read a stream that another thread fetches (and decompresses, and hashes) ahead of it.
///
/// After `work` the stream is read to its end: whatever follows an archive belongs to its diff ID. Gives that and
/// the stream's size in bytes.
pub(super) fn through<R: Read + Send>(
    reader: R,
    work: impl FnOnce(&mut Ahead) -> Result<(), LayerError>,
) -> Result<(DiffId, u64), LayerError> {
    let (sender, receiver) = bounded(WAITING);
    let (spare_sender, spares) = bounded(WAITING);
    std::thread::scope(|scope| {
        let pump = std::thread::Builder::new().name("layer reader".to_owned());
        let pump = pump
            .spawn_scoped(scope, move || pump_all(reader, &sender, &spares))
            .map_err(LayerError::Read)?;
        let mut ahead = Ahead {
            receiver,
            spares: spare_sender,
            piece: Vec::new(),
            at: 0,
            ended: false,
        };
        let done = work(&mut ahead).and_then(|()| ahead.drain());
        // Dropping the receiver stops the thread when the work failed early.
        drop(ahead);
        let (hash, size) = pump
            .join()
            .map_err(|_| LayerError::Read(io::Error::other("the reading thread panicked")))?;
        done.map(|()| (hash.diff_id(), size))
    })
}

fn pump_all(mut reader: impl Read, sender: &Sender<io::Result<Vec<u8>>>, spares: &Receiver<Vec<u8>>) -> (Sha256, u64) {
    let (mut hash, mut size) = (Sha256::new(), 0);
    loop {
        let mut piece = spares.try_recv().unwrap_or_default();
        piece.resize(PIECE, 0);
        let mut filled = 0;
        let failed = loop {
            match reader.read(&mut piece[filled..]) {
                Ok(0) => break None,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => break Some(error),
            }
            if filled == piece.len() {
                break None;
            }
        };
        piece.truncate(filled);
        hash.update(&piece);
        size += filled as u64;
        let end = filled < PIECE;
        if filled > 0 && sender.send(Ok(piece)).is_err() {
            break;
        }
        if let Some(error) = failed {
            let _ = sender.send(Err(error));
            break;
        }
        if end {
            break;
        }
    }
    (hash, size)
}

/// The reading end.
#[derive(Debug)]
pub(super) struct Ahead {
    receiver: Receiver<io::Result<Vec<u8>>>,
    spares: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Ahead {
    /// Makes sure that there are bytes to read; `false` at the end.
    fn refill(&mut self) -> io::Result<bool> {
        while self.at == self.piece.len() {
            if self.ended {
                return Ok(false);
            }
            match self.receiver.recv() {
                Ok(Ok(piece)) => {
                    let _ = self.spares.try_send(std::mem::replace(&mut self.piece, piece));
                    self.at = 0;
                }
                Ok(Err(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Err(_) => self.ended = true,
            }
        }
        Ok(true)
    }

    fn drain(&mut self) -> Result<(), LayerError> {
        while self.refill().map_err(LayerError::Read)? {
            self.at = self.piece.len();
        }
        Ok(())
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || !self.refill()? {
            return Ok(0);
        }
        let rest = &self.piece[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
