//! Layers as tars and blobs: what each is called, and its bytes where they are wanted.

use super::ExportError;
use super::base::format_of;
use super::image::{Image, LayerPlace, LayerSource};
use crate::digest::{BlobDigest, ContentId, DiffId, Fields, Sha256};
use crate::layer::{Compression, Encoded, LayerEncoder, LayerError, TarOptions, Time, decoder, write_tar};
use crate::oci::media::{self, Family, LayerForm};
use crate::oci::{Descriptor, LayoutBlob};
use crate::registry::Pulled;
use crate::store::{BlobWriter, Delta, LayerRecord, Store, StoreError};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The kind of memo that names a delta's tar with clamped times.
const CLAMPED: &str = "layer with clamped times v1";

/// `SOURCE_DATE_EPOCH`: what is made now counts as made then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    seconds: i64,
    rewrite: bool,
}

impl Epoch {
    /// Seconds since 1970; `rewrite` also clamps later times of files in layers (`rewrite-timestamp=true`).
    pub fn new(seconds: i64, rewrite: bool) -> Self {
        Self { seconds, rewrite }
    }

    /// Whether later times of files are clamped.
    pub fn rewrites(&self) -> bool {
        self.rewrite
    }

    /// The moment.
    pub fn time(&self) -> Time {
        Time {
            seconds: self.seconds,
            nanoseconds: 0,
        }
    }
}

fn form(compression: Compression) -> LayerForm {
    match compression {
        Compression::None => LayerForm::Tar,
        Compression::Gzip { .. } => LayerForm::Gzip,
        Compression::Zstd { .. } => LayerForm::Zstd,
    }
}

/// A layer that has a name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) diff_id: DiffId,
    /// Size of its tar in bytes; unknown for a base layer that was never unpacked.
    pub(super) size: Option<u64>,
    source: Source,
}

/// Where a named layer comes from.
#[derive(Debug)]
enum Source {
    Delta {
        content: ContentId,
        clamp: Option<i64>,
    },
    Blob {
        descriptor: Box<Descriptor>,
        place: LayerPlace,
        /// How a step's layer was compressed elsewhere; one of a base is handed on as it came.
        made_as: Option<String>,
    },
}

/// A layer's bytes as they travel.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) descriptor: Descriptor,
    pub(super) bytes: Bytes,
}

/// Where bytes are.
#[derive(Debug)]
pub(super) enum Bytes {
    /// In memory.
    Here(Vec<u8>),
    /// A blob of the store.
    Stored,
    /// A part of a layout.
    Layout(LayoutBlob),
    /// A layer of an image of a registry.
    Registry(Box<Pulled>, usize),
    /// The tar of a delta, which is cheaper to write again than to keep.
    Tar { content: ContentId, clamp: Option<i64> },
}

/// Works on the layers of one image.
pub(super) struct Packer<'a> {
    pub(super) store: &'a Store,
    pub(super) epoch: Option<Epoch>,
    pub(super) cancelled: &'a (dyn Fn() -> bool + Sync),
    /// Threads to compress on, where they are not those of all other work.
    pub(super) pool: Option<Arc<rayon::ThreadPool>>,
}

impl Packer<'_> {
    /// Names all layers. What was named before costs a look-up, all else is packed once, into nothing.
    pub(super) fn name(&self, image: &Image) -> Result<Vec<Named>, ExportError> {
        self.in_parallel(&image.layers, |source| self.name_one(source))
    }

    /// Gets the layers ready to travel.
    pub(super) fn pack(
        &self,
        named: &[Named],
        compression: Compression,
        force: bool,
        family: Family,
    ) -> Result<Vec<Blob>, ExportError> {
        self.in_parallel(named, |layer| self.pack_one(layer, compression, force, family))
    }

    /// Names and packs: a delta that is new is read only once.
    pub(super) fn name_and_pack(
        &self,
        image: &Image,
        compression: Compression,
        force: bool,
        family: Family,
    ) -> Result<(Vec<Named>, Vec<Blob>), ExportError> {
        if compression != Compression::None {
            self.in_parallel(&image.layers, |source| {
                let LayerSource::Delta(content) = source else {
                    return Ok(());
                };
                // Packing names as well. Whatever is known, or needs two names, is left to the passes below.
                let known = self.store.layer_of(content)?;
                if known.is_none() && self.clamp_for(content)?.is_none() {
                    self.compress_delta(content, None, compression)?;
                }
                Ok(())
            })?;
        }
        let named = self.name(image)?;
        let blobs = self.pack(&named, compression, force, family)?;
        Ok((named, blobs))
    }

    pub(super) fn name_one(&self, source: &LayerSource) -> Result<Named, ExportError> {
        let content = match source {
            LayerSource::Delta(content) => *content,
            LayerSource::Told { layer, place } => {
                let descriptor = Descriptor::new(&layer.media_type, layer.digest, layer.size);
                return Ok(Named {
                    diff_id: layer.diff_id,
                    size: layer.tar_size,
                    source: Source::Blob {
                        descriptor: Box::new(descriptor),
                        place: place.clone(),
                        made_as: Some(layer.compression.clone()),
                    },
                });
            }
            LayerSource::Blob {
                diff_id,
                descriptor,
                place,
            } => {
                let content = self.store.content_of(diff_id)?;
                let late = match (content, self.rewrites()) {
                    (Some(content), Some(_)) if self.store.has_delta(&content)? => {
                        self.clamp_for(&content)?.map(|_| content)
                    }
                    (_, Some(_)) => return Err(ExportError::NotUnpacked(*diff_id)),
                    _ => None,
                };
                match late {
                    // Its times are to be clamped, so it is packed anew.
                    Some(content) => content,
                    None => {
                        return Ok(Named {
                            diff_id: *diff_id,
                            size: None,
                            source: Source::Blob {
                                descriptor: descriptor.clone(),
                                place: place.clone(),
                                made_as: None,
                            },
                        });
                    }
                }
            }
        };
        let plain = self.delta_record(&content)?;
        let clamp = self.clamp_for(&content)?;
        let layer = match clamp {
            None => plain,
            Some(clamp) => self.clamped(&content, &plain, clamp)?,
        };
        Ok(Named {
            diff_id: layer.diff_id,
            size: Some(layer.size),
            source: Source::Delta { content, clamp },
        })
    }

    /// What a delta's tar is with its times clamped. Remembered under the name of the tar with all its times.
    fn clamped(&self, content: &ContentId, plain: &LayerRecord, clamp: i64) -> Result<LayerRecord, ExportError> {
        let mut key = Fields::new("varve 2026 clamped layer v1");
        key.bytes(plain.diff_id.as_bytes()).bytes(clamp.to_le_bytes());
        let key = *key.file_digest().as_bytes();
        if let Some(known) = self.store.memo(CLAMPED, &key)?
            && let Some((diff_id, size)) = known.split_first_chunk::<32>()
            && let Ok(size) = size.try_into()
        {
            return Ok(LayerRecord {
                diff_id: DiffId::from_bytes(*diff_id),
                size: u64::from_le_bytes(size),
            });
        }
        let found = self.hash_delta(content, Some(clamp))?;
        let value = [&found.diff_id.as_bytes()[..], &found.size.to_le_bytes()].concat();
        self.store.put_memo(CLAMPED, &key, &value)?;
        Ok(found)
    }

    /// What a delta is as a tar.
    pub(super) fn delta_record(&self, content: &ContentId) -> Result<LayerRecord, ExportError> {
        if let Some(known) = self.store.layer_of(content)? {
            return Ok(known);
        }
        let found = self.hash_delta(content, None)?;
        self.store.put_layer(content, &found)?;
        Ok(found)
    }

    fn rewrites(&self) -> Option<i64> {
        self.epoch.filter(|epoch| epoch.rewrite).map(|epoch| epoch.seconds)
    }

    /// The time to clamp a delta's files to, if any of them needs it.
    fn clamp_for(&self, content: &ContentId) -> Result<Option<i64>, ExportError> {
        let Some(epoch) = self.rewrites() else {
            return Ok(None);
        };
        let listing = self.store.listing(content)?;
        let late = listing.entries().iter().any(|entry| entry.mtime.seconds > epoch);
        Ok(late.then_some(epoch))
    }

    fn pack_one(
        &self,
        layer: &Named,
        compression: Compression,
        force: bool,
        family: Family,
    ) -> Result<Blob, ExportError> {
        let ready = |digest, size, bytes| Blob {
            descriptor: Descriptor::new(family.layer(form(compression)), digest, size),
            bytes,
        };
        match &layer.source {
            Source::Delta { content, clamp } => {
                if compression == Compression::None {
                    let bytes = Bytes::Tar {
                        content: *content,
                        clamp: *clamp,
                    };
                    let digest = BlobDigest::from_bytes(*layer.diff_id.as_bytes());
                    return Ok(ready(digest, layer.size.unwrap_or_default(), bytes));
                }
                if let Some((digest, size)) = self.store.blob_of(&layer.diff_id, &compression.name())? {
                    return Ok(ready(digest, size, Bytes::Stored));
                }
                let found = self.compress_delta(content, *clamp, compression)?;
                if found.diff_id != layer.diff_id {
                    return Err(ExportError::Changed(*content));
                }
                Ok(ready(found.digest, found.size, Bytes::Stored))
            }
            Source::Blob {
                descriptor,
                place,
                made_as,
            } => {
                let own = match descriptor.kind() {
                    media::Kind::Layer(form) => Some(form),
                    _ => None,
                };
                // A step's layer is the same blob wherever it was packed.
                let other = made_as.as_ref().is_some_and(|name| *name != compression.name());
                if other || (force && own != Some(form(compression))) {
                    let found = self.repack(&layer.diff_id, descriptor, place, compression)?;
                    return Ok(ready(found.0, found.1, Bytes::Stored));
                }
                let mut handed_on = Descriptor::new(&descriptor.media_type, descriptor.digest, descriptor.size);
                if let Some(form) = own {
                    handed_on.media_type = family.layer(form).to_owned();
                }
                Ok(Blob {
                    descriptor: handed_on,
                    bytes: self.find(descriptor, place)?,
                })
            }
        }
    }

    /// Puts a layer whose times are clamped into the store as a blob, for no delta is what it says; `false` when the
    /// layer is as its delta, or as it came.
    pub(super) fn keep_clamped(&self, layer: &Named, compression: Compression) -> Result<bool, ExportError> {
        if !matches!(layer.source, Source::Delta { clamp: Some(_), .. }) {
            return Ok(false);
        }
        // A tar that is not compressed is never kept as such.
        let compression = match compression {
            Compression::None => Compression::GZIP,
            other => other,
        };
        self.pack_one(layer, compression, false, Family::Oci)?;
        Ok(true)
    }

    /// Where a base layer's bytes are.
    fn find(&self, descriptor: &Descriptor, place: &LayerPlace) -> Result<Bytes, ExportError> {
        if let LayerPlace::Layout(layout) = place
            && let Some(blob) = layout.find_blob(&descriptor.digest)?
        {
            return Ok(Bytes::Layout(blob));
        }
        if self.store.blob_size(&descriptor.digest)? == Some(descriptor.size) {
            return Ok(Bytes::Stored);
        }
        if let LayerPlace::Registry(pulled, number) = place {
            return Ok(Bytes::Registry(pulled.clone(), *number));
        }
        Err(StoreError::NoBlob(descriptor.digest).into())
    }

    /// Compresses a base layer in another way, once.
    fn repack(
        &self,
        diff_id: &DiffId,
        descriptor: &Descriptor,
        place: &LayerPlace,
        compression: Compression,
    ) -> Result<(BlobDigest, u64), ExportError> {
        let name = compression.name();
        if let Some(known) = self.store.blob_of(diff_id, &name)? {
            return Ok(known);
        }
        let failed = |source| ExportError::Repack {
            diff_id: *diff_id,
            source,
        };
        let reader: Box<dyn Read + Send> = match place {
            LayerPlace::Layout(layout) => Box::new(layout.open_blob("layer", descriptor)?),
            LayerPlace::Store | LayerPlace::Registry(..) => {
                if let LayerPlace::Registry(pulled, number) = place {
                    pulled.fetch(*number, self.store)?;
                }
                let blob = self.store.open_blob(&descriptor.digest)?;
                Box::new(blob.ok_or(StoreError::NoBlob(descriptor.digest))?)
            }
        };
        let mut plain = decoder(format_of(descriptor), reader).map_err(failed)?;
        let mut encoder = self.encoder(compression)?;
        io::copy(&mut plain, &mut Cancellable::new(&mut encoder, self.cancelled))
            .map_err(|error| self.told(error, failed))?;
        drop(plain);
        let encoded = self.finish(encoder, compression, failed)?;
        if encoded.diff_id != *diff_id {
            return Err(ExportError::WrongLayer {
                expected: *diff_id,
                found: encoded.diff_id,
            });
        }
        Ok((encoded.digest, encoded.size))
    }

    /// Packs and compresses a delta into the store, and remembers both names.
    pub(super) fn compress_delta(
        &self,
        content: &ContentId,
        clamp: Option<i64>,
        compression: Compression,
    ) -> Result<Encoded, ExportError> {
        let failed = |source| ExportError::Pack {
            content: *content,
            source: LayerError::Write(source),
        };
        let mut encoder = self.encoder(compression)?;
        self.write_tar(content, clamp, &mut encoder)?;
        let encoded = self.finish(encoder, compression, failed)?;
        if clamp.is_none() {
            let layer = LayerRecord {
                diff_id: encoded.diff_id,
                size: encoded.uncompressed_size,
            };
            self.store.put_layer(content, &layer)?;
        }
        Ok(encoded)
    }

    fn encoder(&self, compression: Compression) -> Result<LayerEncoder<BlobWriter>, ExportError> {
        let encoder = LayerEncoder::new(compression, self.store.hashed_blob_writer()?);
        Ok(match &self.pool {
            Some(pool) => encoder.on(Arc::clone(pool)),
            None => encoder,
        })
    }

    /// Stores what was compressed, and remembers what it is.
    fn finish(
        &self,
        encoder: LayerEncoder<BlobWriter>,
        compression: Compression,
        failed: impl FnOnce(io::Error) -> ExportError,
    ) -> Result<Encoded, ExportError> {
        let (blob, encoded) = encoder.finish().map_err(failed)?;
        blob.finish_named(&encoded.digest, encoded.size)?;
        let name = compression.name();
        self.store
            .put_blob_of(&encoded.diff_id, &name, &encoded.digest, encoded.size)?;
        Ok(encoded)
    }

    fn hash_delta(&self, content: &ContentId, clamp: Option<i64>) -> Result<LayerRecord, ExportError> {
        let mut hash = Counted {
            hash: Sha256::new(),
            size: 0,
        };
        self.write_tar(content, clamp, &mut hash)?;
        Ok(LayerRecord {
            diff_id: hash.hash.diff_id(),
            size: hash.size,
        })
    }

    /// Writes the tar of a delta.
    pub(super) fn write_tar(
        &self,
        content: &ContentId,
        clamp: Option<i64>,
        out: &mut dyn Write,
    ) -> Result<(), ExportError> {
        let delta = self.delta(content)?;
        let listing = delta.listing()?;
        let options = TarOptions { clamp_mtime: clamp };
        let mut out = Cancellable::new(out, self.cancelled);
        write_tar(&listing, &|entry| delta.open_file(&entry.path), &options, &mut out).map_err(|source| {
            if (self.cancelled)() {
                return ExportError::Cancelled;
            }
            ExportError::Pack {
                content: *content,
                source,
            }
        })
    }

    /// Puts the tar of a delta into the store, for whoever must know its bytes more than once.
    pub(super) fn keep_tar(
        &self,
        content: &ContentId,
        clamp: Option<i64>,
        descriptor: &Descriptor,
    ) -> Result<(), ExportError> {
        if self.store.blob_size(&descriptor.digest)? == Some(descriptor.size) {
            return Ok(());
        }
        let mut blob = self.store.blob_writer()?;
        self.write_tar(content, clamp, &mut blob)?;
        Ok(blob.finish_expecting(&descriptor.digest, descriptor.size)?)
    }

    fn delta(&self, content: &ContentId) -> Result<Delta, ExportError> {
        let delta = self.store.delta(content)?;
        Ok(delta.ok_or(StoreError::NoDelta(*content))?)
    }

    pub(super) fn told(&self, error: io::Error, otherwise: impl FnOnce(io::Error) -> ExportError) -> ExportError {
        if (self.cancelled)() {
            ExportError::Cancelled
        } else {
            otherwise(error)
        }
    }

    /// Does something for each layer, for a few at once: each of them uses all cores and some 30 MiB.
    fn in_parallel<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> Result<R, ExportError> + Sync,
    ) -> Result<Vec<R>, ExportError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = (cores / 4).clamp(2, 3).min(items.len());
        if workers < 2 {
            return items.iter().map(work).collect();
        }
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results: Mutex<Vec<Option<Result<R, ExportError>>>> =
            Mutex::new(std::iter::repeat_with(|| None).take(items.len()).collect());
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(item) = items.get(number) else { break };
                        let result = work(item);
                        if result.is_err() {
                            stop.store(true, Ordering::Relaxed);
                        }
                        results.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(result);
                    }
                });
            }
        });
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut done = Vec::with_capacity(results.len());
        for result in results {
            match result {
                Some(Ok(result)) => done.push(result),
                Some(Err(error)) => return Err(error),
                // Not begun, because a later one failed: its error follows.
                None => (),
            }
        }
        Ok(done)
    }
}

/// sha256 and size of what is written.
struct Counted {
    hash: Sha256,
    size: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that fails once nobody wants the result any more.
pub(super) struct Cancellable<'a, W: Write + ?Sized> {
    out: &'a mut W,
    cancelled: &'a (dyn Fn() -> bool + Sync),
    since: usize,
}

impl<'a, W: Write + ?Sized> Cancellable<'a, W> {
    pub(super) fn new(out: &'a mut W, cancelled: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self {
            out,
            cancelled,
            since: 0,
        }
    }
}

impl<W: Write + ?Sized> Write for Cancellable<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.since += bytes.len();
        if self.since > 1 << 20 {
            self.since = 0;
            if (self.cancelled)() {
                return Err(io::Error::other(ExportError::Cancelled));
            }
        }
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
