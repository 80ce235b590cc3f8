//! Layers packed while the steps that follow run.

use super::ExportError;
use super::image::LayerSource;
use super::layers::Packer;
use crate::digest::ContentId;
use crate::layer::Compression;
use crate::store::Store;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// How much less this work counts than that of the steps: where both want a processor, it gets about a tenth.
const NICENESS: i32 = 10;
/// Smaller layers take a few milliseconds in the end, and their records would get in the way of the steps' own.
const LARGE: u64 = 4 << 20;
/// So do layers of fewer entries.
const MANY: usize = 2000;

/// Packs large layers while the steps that follow run, so that less is left to do when the image is handed out.
///
/// What it does stays in the store, where the exporter finds it; what it leaves undone, or can't do, the exporter does and
/// tells. So nothing depends on how far it came. There is no thread before the first large layer.
#[derive(Debug)]
pub struct Ahead {
    store: Store,
    wanted: Vec<Compression>,
    cancelled: Arc<AtomicBool>,
    worker: Mutex<Option<Worker>>,
}

#[derive(Debug)]
struct Worker {
    layers: Sender<ContentId>,
    /// Turned when the layers that wait are no longer wanted.
    ends: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Ahead {
    /// For images that are handed out in each of the compressions; [`Compression::None`] stands for the layer's name
    /// alone. The work ends soon after `cancelled` is turned.
    pub fn new(store: &Store, wanted: Vec<Compression>, cancelled: Arc<AtomicBool>) -> Self {
        Self {
            store: store.clone(),
            wanted,
            cancelled,
            worker: Mutex::default(),
        }
    }

    /// Packs a layer sometime, if it is worth it. Never waits.
    pub fn layer(&self, content: &ContentId) {
        if self.wanted.is_empty() || !self.is_large(content) {
            return;
        }
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.is_none() {
            *worker = self.start();
        }
        if let Some(worker) = &*worker {
            let _ = worker.layers.send(*content);
        }
    }

    /// Waits for the layer that is being packed; those that wait for their turn are left to the exporter, which packs
    /// several at once.
    pub fn finish(self) {
        let worker = self.worker.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Some(worker) = worker else { return };
        worker.ends.store(true, Ordering::Relaxed);
        drop(worker.layers);
        let _ = worker.thread.join();
    }

    /// Whether a thread was started.
    #[cfg(test)]
    pub(super) fn is_working(&self) -> bool {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn is_large(&self, content: &ContentId) -> bool {
        // The step that has just ended made the listing, so that it is rarely read for this.
        self.store
            .listing(content)
            .is_ok_and(|listing| listing.entries().len() >= MANY || listing.total_size() >= LARGE)
    }

    /// `None` where no thread can be had: then all is done in the end, as for small layers.
    fn start(&self) -> Option<Worker> {
        let (layers, incoming) = channel();
        let ends = Arc::new(AtomicBool::new(false));
        let (store, wanted) = (self.store.clone(), self.wanted.clone());
        let (stop, cancelled) = (Arc::clone(&ends), Arc::clone(&self.cancelled));
        let thread = std::thread::Builder::new().name("layers ahead".to_owned());
        let thread = thread
            .spawn(move || work(&store, &wanted, &incoming, &stop, &cancelled))
            .ok()?;
        Some(Worker { layers, ends, thread })
    }
}

/// Packs layers until there are no more, or `ends` is turned.
pub(super) fn work(
    store: &Store,
    wanted: &[Compression],
    layers: &Receiver<ContentId>,
    ends: &AtomicBool,
    cancelled: &AtomicBool,
) {
    // Threads that are started from here are as patient as this one.
    be_patient();
    let pool = rayon::ThreadPoolBuilder::new()
        .thread_name(|_| "layers ahead".to_owned())
        .build();
    let Ok(pool) = pool else { return };
    let cancelled = || cancelled.load(Ordering::Relaxed);
    let packer = Packer {
        store,
        epoch: None,
        cancelled: &cancelled,
        pool: Some(Arc::new(pool)),
    };
    for content in layers {
        if ends.load(Ordering::Relaxed) || cancelled() {
            break;
        }
        for compression in wanted {
            // The exporter meets the same error, and tells it.
            let _ = pack(&packer, &content, *compression);
        }
    }
}

fn pack(packer: &Packer<'_>, content: &ContentId, compression: Compression) -> Result<(), ExportError> {
    if compression == Compression::None {
        return packer.name_one(&LayerSource::Delta(*content)).map(drop);
    }
    if let Some(layer) = packer.store.layer_of(content)?
        && packer.store.blob_of(&layer.diff_id, &compression.name())?.is_some()
    {
        return Ok(());
    }
    packer.compress_delta(content, None, compression).map(drop)
}

/// Lets others go first. Where that is not allowed the work is as eager as any.
pub(super) fn be_patient() {
    let _ = rustix::process::nice(NICENESS);
}
