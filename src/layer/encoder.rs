//! Writes a layer's bytes: compressed on all cores, and named before and after.

use super::compression::Compression;
use super::deflate::Deflater;
use crate::digest::{BlobDigest, DiffId, Sha256};
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What went through an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoded {
    /// sha256 of what was written to the encoder.
    pub diff_id: DiffId,
    /// Bytes that were written to the encoder.
    pub uncompressed_size: u64,
    /// sha256 of what came out.
    pub digest: BlobDigest,
    /// Bytes that came out.
    pub size: u64,
}

/// Compresses what is written to it in blocks of a fixed size, each on its own, so that the result depends neither
/// on the number of threads nor on the sizes of the writes.
///
/// Compression runs on rayon's threads, or those of another pool, and the first digest on a thread of its own. A few blocks are in flight at
/// once, about 20 MiB in all.
#[derive(Debug)]
pub struct LayerEncoder<W: Write> {
    compression: Compression,
    block_size: usize,
    block: Block,
    pool: Pool,
    threads: Option<Arc<rayon::ThreadPool>>,
    plain: Plain,
    uncompressed_size: u64,
    in_flight: VecDeque<Receiver<io::Result<Vec<u8>>>>,
    most_in_flight: usize,
    blocks: u64,
    digest: Sha256,
    size: u64,
    out: W,
}

/// What is used again, because a fresh one costs as much as hashing it.
type Pool = Arc<Used>;

#[derive(Debug, Default)]
struct Used {
    buffers: Mutex<Vec<Vec<u8>>>,
    deflaters: Mutex<Vec<Deflater>>,
}

/// A buffer that goes back to its pool.
#[derive(Debug)]
struct Block {
    bytes: Vec<u8>,
    pool: Pool,
}

impl Block {
    fn new(pool: &Pool, size: usize) -> Self {
        let used = pool.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut bytes = used.unwrap_or_default();
        bytes.clear();
        bytes.reserve_exact(size);
        Self {
            bytes,
            pool: Arc::clone(pool),
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let bytes = mem::take(&mut self.bytes);
        if bytes.capacity() == 0 {
            return;
        }
        let mut buffers = self.pool.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        buffers.push(bytes);
    }
}

/// The digest of what goes in: here for a small layer, on a thread for one of several blocks.
#[derive(Debug)]
enum Plain {
    Here(Sha256),
    Thread {
        blocks: Sender<Arc<Block>>,
        result: JoinHandle<Sha256>,
    },
}

impl<W: Write> LayerEncoder<W> {
    /// Compresses to `out`.
    pub fn new(compression: Compression, out: W) -> Self {
        let block_size = match compression {
            Compression::Zstd { .. } => 4 << 20,
            Compression::None | Compression::Gzip { .. } => 1 << 20,
        };
        let pool = Pool::default();
        Self {
            compression,
            block_size,
            block: Block {
                bytes: Vec::new(),
                pool: Arc::clone(&pool),
            },
            pool,
            threads: None,
            plain: Plain::Here(Sha256::new()),
            uncompressed_size: 0,
            in_flight: VecDeque::new(),
            most_in_flight: in_flight(rayon::current_num_threads(), block_size),
            blocks: 0,
            digest: Sha256::new(),
            size: 0,
            out,
        }
    }

    /// Compresses on the threads of `pool`, none of which may be the calling one.
    #[must_use]
    pub fn on(mut self, pool: Arc<rayon::ThreadPool>) -> Self {
        self.most_in_flight = in_flight(pool.current_num_threads(), self.block_size);
        self.threads = Some(pool);
        self
    }

    /// Ends the stream and returns what it was written to, flushed, and the names of both sides.
    ///
    /// # Errors
    /// When the output can't be written.
    pub fn finish(mut self) -> io::Result<(W, Encoded)> {
        // An empty stream still is one member or frame.
        if !self.block.bytes.is_empty() || self.blocks == 0 {
            self.push()?;
        }
        while !self.in_flight.is_empty() {
            self.write_oldest()?;
        }
        self.out.flush()?;
        let plain = match self.plain {
            Plain::Here(digest) => digest,
            Plain::Thread { blocks, result } => {
                drop(blocks);
                result
                    .join()
                    .map_err(|_| io::Error::other("the thread that hashes ended early"))?
            }
        };
        let digest = match self.compression {
            Compression::None => plain.clone(),
            Compression::Gzip { .. } | Compression::Zstd { .. } => self.digest,
        };
        let encoded = Encoded {
            diff_id: plain.diff_id(),
            uncompressed_size: self.uncompressed_size,
            digest: digest.blob_digest(),
            size: self.size,
        };
        Ok((self.out, encoded))
    }

    /// Sends the block on its way.
    fn push(&mut self) -> io::Result<()> {
        let next = Block::new(&self.pool, self.block_size.min(self.block.bytes.len()));
        let block = Arc::new(mem::replace(&mut self.block, next));
        self.blocks += 1;
        if self.blocks == 2 {
            self.hash_on_a_thread();
        }
        match &mut self.plain {
            Plain::Here(digest) => digest.update(&block.bytes),
            Plain::Thread { blocks, .. } => {
                let _ = blocks.send(Arc::clone(&block));
            }
        }
        if self.compression == Compression::None {
            self.size += block.bytes.len() as u64;
            return self.out.write_all(&block.bytes);
        }
        while self.in_flight.len() >= self.most_in_flight {
            self.write_oldest()?;
        }
        let (sender, receiver) = bounded(1);
        let compression = self.compression;
        let pool = Arc::clone(&self.pool);
        let work = move || {
            let output = Block::new(&pool, 0);
            let _ = sender.send(compress(compression, &block.bytes, output, &pool));
        };
        match &self.threads {
            Some(threads) => threads.spawn(work),
            None => rayon::spawn(work),
        }
        self.in_flight.push_back(receiver);
        Ok(())
    }

    fn hash_on_a_thread(&mut self) {
        let Plain::Here(digest) = &mut self.plain else { return };
        let mut started = digest.clone();
        let (blocks, incoming) = bounded::<Arc<Block>>(2);
        let thread = std::thread::Builder::new()
            .name("layer digest".to_owned())
            .spawn(move || {
                for block in incoming {
                    started.update(&block.bytes);
                }
                started
            });
        // Without another thread the digest is computed here, as for small layers.
        if let Ok(result) = thread {
            self.plain = Plain::Thread { blocks, result };
        }
    }

    fn write_oldest(&mut self) -> io::Result<()> {
        let Some(oldest) = self.in_flight.pop_front() else {
            return Ok(());
        };
        let lost = || io::Error::other("the thread that compresses ended early");
        let bytes = if rayon::current_thread_index().is_none() {
            oldest.recv().map_err(|_| lost())?
        } else {
            // On a thread of the pool, waiting may keep the very work from being done that is waited for.
            loop {
                match oldest.try_recv() {
                    Ok(bytes) => break bytes,
                    Err(TryRecvError::Disconnected) => return Err(lost()),
                    Err(TryRecvError::Empty) => {
                        if rayon::yield_now() != Some(rayon::Yield::Executed) {
                            std::thread::yield_now();
                        }
                    }
                }
            }
        }?;
        self.digest.update(&bytes);
        self.size += bytes.len() as u64;
        self.out.write_all(&bytes)?;
        drop(Block {
            bytes,
            pool: Arc::clone(&self.pool),
        });
        Ok(())
    }
}

impl<W: Write> Write for LayerEncoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.block_size - self.block.bytes.len();
        let taken = room.min(bytes.len());
        self.block.bytes.extend_from_slice(&bytes[..taken]);
        self.uncompressed_size += taken as u64;
        if self.block.bytes.len() == self.block_size {
            self.push()?;
        }
        Ok(taken)
    }

    /// Does nothing: a block is only compressed when it is whole.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How many blocks are on their way at once: one for each thread, and one more that is being filled or written.
fn in_flight(threads: usize, block_size: usize) -> usize {
    (threads + 1).min(((16 << 20) / block_size).max(2))
}

fn compress(compression: Compression, bytes: &[u8], mut output: Block, used: &Used) -> io::Result<Vec<u8>> {
    let mut output = mem::take(&mut output.bytes);
    match compression {
        Compression::None => output.extend_from_slice(bytes),
        Compression::GZIP => {
            let kept = used.deflaters.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut deflater = kept.unwrap_or_else(Deflater::new);
            output.reserve(bytes.len());
            deflater.gzip(bytes, &mut output);
            let mut deflaters = used.deflaters.lock().unwrap_or_else(PoisonError::into_inner);
            deflaters.push(deflater);
        }
        Compression::Gzip { level } => {
            let level = libdeflater::CompressionLvl::new(level).map_err(|_| io::Error::other("no such level"))?;
            let mut compressor = libdeflater::Compressor::new(level);
            output.resize(compressor.gzip_compress_bound(bytes.len()), 0);
            let size = compressor.gzip_compress(bytes, &mut output).map_err(io::Error::other)?;
            output.truncate(size);
        }
        Compression::Zstd { level } => {
            output.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
            zstd::bulk::Compressor::new(level)?.compress_to_buffer(bytes, &mut output)?;
        }
    }
    Ok(output)
}
