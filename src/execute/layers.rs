//! Layers of base images on their way to deltas: several at once, each unpacked while it arrives.

use super::ExecuteError;
use super::base::{BaseImage, Origin, writer};
use super::stack::Stack;
use crate::digest::{ContentId, DiffId, Sha256};
use crate::layer::{DETECT, Host, LayerError, Unpack, Unpacked, decoder, detect, unpack};
use crate::oci::Descriptor;
use crate::registry::Pulled;
use crate::store::{Draft, Store};
use std::io::{Cursor, Read};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Layers that are fetched, and unpacked, at the same time.
const AT_ONCE: usize = 4;

/// Fetches and unpacks layers in some threads while `work` is done, which may ask for the same layers and then waits
/// for them. What goes wrong here is left to whoever asks.
pub(super) fn unpacking<T>(wanted: &[(&BaseImage, usize)], store: &Store, host: &Host, work: impl FnOnce() -> T) -> T {
    ahead(
        wanted,
        |image, index| image.unpack_alone(index, store, host).is_ok(),
        work,
    )
}

/// Ensures that the store has the layers of images as blobs, several at a time.
///
/// # Errors
/// As [`BaseImage::blob`].
pub fn fetch_layers(wanted: &[(&BaseImage, usize)], store: &Store) -> Result<(), ExecuteError> {
    let far: Vec<(&BaseImage, usize)> = wanted
        .iter()
        .filter(|(image, _)| matches!(image.origin, Origin::Store { source: Some(_), .. }))
        .copied()
        .collect();
    let fetch = |image: &BaseImage, index| image.blob(index, store).is_ok();
    ahead(&far, fetch, || {
        let mut all = wanted.iter();
        all.try_for_each(|(image, index)| image.blob(*index, store).map(drop))
    })
}

/// Does a job for each layer in some threads, until one fails, while `work` is done.
fn ahead<T>(
    wanted: &[(&BaseImage, usize)],
    job: impl Fn(&BaseImage, usize) -> bool + Sync,
    work: impl FnOnce() -> T,
) -> T {
    if wanted.len() < 2 {
        return work();
    }
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(wanted.len()) {
            scope.spawn(|| {
                while let Some((image, index)) = wanted.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if !job(image, *index) {
                        break;
                    }
                }
            });
        }
        let result = work();
        // Whatever was not begun by now is not wanted any more.
        next.store(wanted.len(), Ordering::SeqCst);
        result
    })
}

/// What lies below a layer that is unpacked.
#[derive(Clone, Copy)]
enum Below<'a> {
    /// These deltas.
    Known(&'a Stack),
    /// Nobody knows yet, and most layers need not.
    Unknown,
}

impl BaseImage {
    /// Unpacks a layer into a delta of the store and checks that it is the one that the image config names.
    pub(super) fn unpack(
        &self,
        index: usize,
        store: &Store,
        host: &Host,
        below: &Stack,
    ) -> Result<ContentId, ExecuteError> {
        let made = self.make(index, store, host, Below::Known(below))?;
        made.ok_or_else(|| ExecuteError::Internal("a layer can't be unpacked above what lies below it".to_owned()))
    }

    /// The same before anybody knows what lies below: a layer that has to know it is fetched, and no more.
    fn unpack_alone(&self, index: usize, store: &Store, host: &Host) -> Result<(), ExecuteError> {
        let empty = Stack::empty();
        let below = if index == 0 {
            Below::Known(&empty)
        } else {
            Below::Unknown
        };
        self.make(index, store, host, below).map(drop)
    }

    /// Unpacks a layer, while it is fetched when the store does not have it; `None` when what lies below matters and
    /// is not known. When a mirror fails on the way, the next one is asked.
    fn make(
        &self,
        index: usize,
        store: &Store,
        host: &Host,
        below: Below<'_>,
    ) -> Result<Option<ContentId>, ExecuteError> {
        without_bad_mirrors(|| self.make_once(index, store, host, below))
    }

    fn make_once(
        &self,
        index: usize,
        store: &Store,
        host: &Host,
        below: Below<'_>,
    ) -> Result<Option<ContentId>, ExecuteError> {
        let lock = self.unpacking.get(index);
        let _alone = lock.map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(content) = self.unpacked(index, store)? {
            return Ok(Some(content));
        }
        let draft = store.draft()?;
        let writer = writer(&draft, host)?;
        let (unpacked, fetched) = self.read(index, store, |stream| {
            let open_lower = |found: &crate::layer::Found<'_>| match below {
                Below::Known(below) => below.open(found),
                Below::Unknown => Err(std::io::ErrorKind::NotFound.into()),
            };
            let (lower, alone) = match below {
                Below::Known(below) => (Some(below.view()), false),
                Below::Unknown => (None, true),
            };
            let options = Unpack {
                whiteouts: true,
                lower,
                open_lower: Some(&open_lower),
                alone,
                ..Unpack::default()
            };
            let content = decoded(stream).map_err(|source| self.failed(index, source))?;
            match unpack(content, &writer, &options) {
                Ok(unpacked) => Ok(Some(unpacked)),
                Err(LayerError::NeedsLower) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })?;
        let Some(unpacked) = unpacked else { return Ok(None) };
        let content = self.keep(index, store, draft, writer, &unpacked)?;
        if let Some(blob) = fetched {
            self.note_blob(index, blob, store)?;
        }
        Ok(Some(content))
    }

    /// Ensures that a layer of a registry's image is in the store as a blob. The blob is looked into while it arrives:
    /// it is believed to be the layer, also by other images that have this layer, and so has to be.
    pub(super) fn fetch(&self, pulled: &Pulled, index: usize, store: &Store) -> Result<Descriptor, ExecuteError> {
        let (proven, descriptor) =
            without_bad_mirrors(|| Ok(pulled.fetch_while(index, store, |stream| self.prove(index, stream))?))?;
        proven?;
        self.note_blob(index, descriptor, store)?;
        Ok(descriptor.clone())
    }

    /// Whether a stream is the layer that the image config names.
    pub(super) fn prove(&self, index: usize, stream: &mut (dyn Read + Send)) -> Result<(), ExecuteError> {
        let failed = |source| self.failed(index, source);
        let mut plain = decoded(stream).map_err(failed)?;
        let mut hash = Sha256::new();
        std::io::copy(&mut plain, &mut hash).map_err(failed)?;
        self.check(index, hash.diff_id())
    }

    fn check(&self, index: usize, found: DiffId) -> Result<(), ExecuteError> {
        let wanted = self.layers()[index];
        if found == wanted {
            return Ok(());
        }
        Err(ExecuteError::WrongLayer {
            image: self.name.clone(),
            index,
            wanted,
            found,
        })
    }

    /// Gives a layer's files their name, if they are what the config says.
    fn keep(
        &self,
        index: usize,
        store: &Store,
        draft: Draft,
        writer: crate::layer::DeltaWriter,
        unpacked: &Unpacked,
    ) -> Result<ContentId, ExecuteError> {
        let wanted = self.layers()[index];
        self.check(index, unpacked.diff_id)?;
        let content = store.keep(draft, &writer.finish()?)?;
        store.put_content_of(&wanted, &content)?;
        store.write(|records| records.mark_layers_used(&[wanted]))?;
        Ok(content)
    }

    /// Lets somebody read a layer as it travels; tells what was fetched for it, if anything was. What they make of it may
    /// be kept only when this succeeds: then it has the digest that the manifest claims.
    fn read<T>(
        &self,
        index: usize,
        store: &Store,
        work: impl FnOnce(&mut (dyn Read + Send)) -> Result<T, ExecuteError>,
    ) -> Result<(T, Option<&Descriptor>), ExecuteError> {
        let pulled = match &self.origin {
            Origin::Layout(source) => return Ok((work(&mut source.open_layer(index)?)?, None)),
            Origin::Store { source, .. } => source,
        };
        let missing = || ExecuteError::BlobGone {
            image: self.name.clone(),
            index,
        };
        if let Some(blob) = self.stored(index, store)? {
            let mut reader = store.open_blob(&blob.digest)?.ok_or_else(missing)?;
            return Ok((work(&mut reader)?, None));
        }
        let pulled = pulled.as_ref().ok_or_else(missing)?;
        let (result, descriptor) = pulled.fetch_while(index, store, work)?;
        Ok((result?, Some(descriptor)))
    }

    fn failed(&self, index: usize, source: std::io::Error) -> ExecuteError {
        ExecuteError::Base {
            image: self.name.clone(),
            index,
            source,
        }
    }
}

/// Does something anew as long as it is a mirror that fails: each is asked once.
fn without_bad_mirrors<T>(mut work: impl FnMut() -> Result<T, ExecuteError>) -> Result<T, ExecuteError> {
    loop {
        match work() {
            Err(ExecuteError::Registry(error)) if error.is_of_mirror() => {}
            other => return other,
        }
    }
}

/// A layer without its compression, which its first bytes tell.
fn decoded<'a>(mut stream: &'a mut (dyn Read + Send)) -> std::io::Result<Box<dyn Read + Send + 'a>> {
    let mut start = Vec::with_capacity(DETECT);
    (&mut stream).take(DETECT as u64).read_to_end(&mut start)?;
    decoder(detect(&start), Cursor::new(start).chain(stream))
}
