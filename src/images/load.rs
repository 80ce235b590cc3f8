//! Images of archives and layouts become images of the store.

use super::ImagesError;
use super::lists::keep_document;
use crate::digest::{BlobDigest, DiffId, Sha256};
use crate::execute::AS_IT_CAME;
use crate::layer::{DETECT, Format, Time, decoder, detect};
use crate::oci::media::{self, Kind, LayerForm};
use crate::oci::{
    Descriptor, ImageSource, Index, Layout, Manifest, Platform, Reference, Selector, annotations, parse_time,
};
use crate::store::{Draft, ImageLayer, ImageRecord, Store};
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};

/// Largest document of an archive that is read, and largest part of an attestation, in bytes.
const LARGEST_DOCUMENT: u64 = 64 << 20;

/// What images are read from.
pub enum Incoming<'a> {
    /// A directory with a layout, or a tar, which may be compressed.
    Path(&'a Path),
    /// A tar, which may be compressed.
    Stream(&'a mut (dyn Read + Send)),
}

/// An image that is in the store now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// Its ID.
    pub id: BlobDigest,
    /// The names that it got.
    pub names: Vec<Reference>,
}

/// Loads all images of an OCI layout or of what `docker save` writes. Of images for several platforms that are one in
/// the archive, it is the best for `platform`, or with `all` all of them, as far as the archive has them whole.
///
/// # Errors
/// When the archive is damaged, and when an image is not what it says; images before it are loaded.
pub fn load(
    store: &Store,
    from: Incoming<'_>,
    platform: &Platform,
    all: bool,
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Loaded>, ImagesError> {
    // Held until everything is copied.
    let mut draft = None;
    let path = match from {
        Incoming::Path(path) if is_plain(path)? => path.to_owned(),
        Incoming::Path(path) => {
            let mut file = File::open(path).map_err(ImagesError::io("open", path))?;
            spool(store, &mut file, draft.insert(store.draft()?), cancelled)?
        }
        Incoming::Stream(stream) => spool(store, stream, draft.insert(store.draft()?), cancelled)?,
    };
    let layout = Layout::open(&path)?;
    let mut loaded: Vec<Loaded> = Vec::new();
    for entry in entries(&layout, platform) {
        let image = layout.image(Some(&Selector::Digest(entry.digest)), platform)?;
        let name = name_of(&entry);
        if let (true, Some(name)) = (all, &name)
            && let Some(id) = keep_index(store, &layout, &entry, name, cancelled)?
        {
            loaded.push(Loaded {
                id,
                names: vec![name.clone()],
            });
            continue;
        }
        let id = keep(store, &image, name.as_ref(), cancelled)?;
        match loaded.iter_mut().find(|it| it.id == id) {
            Some(known) => known.names.extend(name),
            None => loaded.push(Loaded {
                id,
                names: name.into_iter().collect(),
            }),
        }
    }
    if loaded.is_empty() {
        return Err(ImagesError::Empty(path));
    }
    Ok(loaded)
}

/// Whether something is a directory, or a tar that is not compressed.
fn is_plain(path: &Path) -> Result<bool, ImagesError> {
    let file = File::open(path).map_err(ImagesError::io("open", path))?;
    let kind = file.metadata().map_err(ImagesError::io("look at", path))?.file_type();
    if kind.is_dir() {
        return Ok(true);
    }
    if !kind.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    file.take(DETECT as u64)
        .read_to_end(&mut start)
        .map_err(ImagesError::io("read", path))?;
    Ok(detect(&start) == Format::Tar)
}

/// Unpacks a stream into a file, since a layout is read in no order.
fn spool(
    store: &Store,
    stream: &mut (dyn Read + Send),
    draft: &Draft,
    cancelled: &dyn Fn() -> bool,
) -> Result<PathBuf, ImagesError> {
    let mut start = Vec::with_capacity(DETECT);
    (&mut *stream)
        .take(DETECT as u64)
        .read_to_end(&mut start)
        .map_err(ImagesError::Stream)?;
    let format = detect(&start);
    let mut plain = decoder(format, Cursor::new(start).chain(stream)).map_err(ImagesError::Stream)?;
    let path = draft.work()?.join("archive.tar");
    let mut file = File::create_new(&path).map_err(ImagesError::io("create", &path))?;
    copy(&mut plain, &mut file, cancelled).map_err(|failed| match failed {
        Copying::Cancelled => ImagesError::Cancelled,
        Copying::Read(source) => ImagesError::Stream(source),
        Copying::Write(source) => ImagesError::io("write to the store", store.path())(source),
    })?;
    Ok(path)
}

/// The images of a layout; those for `platform` come last, so that they keep a name that several have.
fn entries(layout: &Layout, platform: &Platform) -> Vec<Descriptor> {
    let may_be = |entry: &&Descriptor| {
        !entry.is_attestation() && (matches!(entry.kind(), Kind::Index | Kind::Manifest) || entry.media_type.is_empty())
    };
    let mut entries: Vec<Descriptor> = layout.index().manifests.iter().filter(may_be).cloned().collect();
    let rank = |entry: &Descriptor| entry.platform.as_ref().and_then(|its| platform.rank(its));
    entries.sort_by_key(|entry| std::cmp::Reverse(rank(entry).unwrap_or(usize::MAX)));
    entries
}

/// The name that an index gives an image. A tag alone is none: nobody knows of which repository.
fn name_of(entry: &Descriptor) -> Option<Reference> {
    let full = entry.annotations.get(annotations::IMAGE_NAME);
    let whole = || {
        let name = entry.annotations.get(annotations::REF_NAME)?;
        name.contains(['/', ':']).then_some(name)
    };
    let name: Reference = full.or_else(whole)?.parse().ok()?;
    Some(name.or_latest())
}

/// Copies an index with all that it lists into the store; `None` when it is none, or the archive has only a part of it.
fn keep_index(
    store: &Store,
    layout: &Layout,
    entry: &Descriptor,
    name: &Reference,
    cancelled: &dyn Fn() -> bool,
) -> Result<Option<BlobDigest>, ImagesError> {
    let read = |what, descriptor: &Descriptor| -> Result<Option<Vec<u8>>, ImagesError> {
        if layout.find_blob(&descriptor.digest)?.is_none() || descriptor.size > LARGEST_DOCUMENT {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let mut blob = layout.open_blob(what, descriptor)?;
        blob.read_to_end(&mut bytes).map_err(ImagesError::Stream)?;
        Ok(Some(bytes))
    };
    let Some(bytes) = read("index", entry)? else {
        return Ok(None);
    };
    if media::kind(media::of_document(&bytes)) != Kind::Index {
        return Ok(None);
    }
    let index = Index::from_bytes(&bytes)?;
    let mut manifests = Vec::with_capacity(index.manifests.len());
    for entry in &index.manifests {
        let Some(bytes) = read("manifest", entry)?.filter(|_| entry.kind() != Kind::Index) else {
            return Ok(None);
        };
        let manifest = Manifest::from_bytes(&bytes)?;
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            if layout.find_blob(&blob.digest)?.is_none() {
                return Ok(None);
            }
        }
        manifests.push((bytes, manifest));
    }
    for (entry, (bytes, manifest)) in index.manifests.iter().zip(manifests) {
        if entry.is_attestation() || media::kind(&manifest.config.media_type) != Kind::Config {
            for blob in manifest.layers.iter().chain([&manifest.config]) {
                if let Some(bytes) = read("attestation", blob)? {
                    store.put_blob(&bytes)?;
                }
            }
            store.put_blob(&bytes)?;
            continue;
        }
        let image = layout.image(Some(&Selector::Digest(entry.digest)), &Platform::host())?;
        keep(store, &image, None, cancelled)?;
    }
    keep_document(store, &index, &bytes, name).map(Some)
}

/// Copies an image into the store.
fn keep(
    store: &Store,
    image: &ImageSource,
    name: Option<&Reference>,
    cancelled: &dyn Fn() -> bool,
) -> Result<BlobDigest, ImagesError> {
    let diff_ids = &image.config().rootfs.diff_ids;
    let mut size = 0_u64;
    for (number, (layer, diff_id)) in image.layers().iter().zip(diff_ids).enumerate() {
        size = size.saturating_add(keep_layer(store, image, number, layer, diff_id, cancelled)?);
    }
    let id = store.put_blob(image.config_bytes())?;
    let manifest = Some(store.put_blob(image.manifest_bytes())?);
    let record = match store.image(&id)? {
        // What is known of its layers stays.
        Some(known) => ImageRecord { manifest, ..known },
        None => ImageRecord {
            id,
            manifest,
            layers: diff_ids
                .iter()
                .map(|diff_id| ImageLayer {
                    diff_id: *diff_id,
                    content: None,
                })
                .collect(),
            created: created(image),
            size,
        },
    };
    let names: Vec<String> = name.iter().map(ToString::to_string).collect();
    store.write(|records| {
        for (layer, diff_id) in image.layers().iter().zip(diff_ids) {
            records.put_blob_of(diff_id, &form_of(layer), &layer.digest, layer.size)?;
        }
        records.put_image(&record, &names)
    })?;
    Ok(id)
}

/// Copies a layer, ensures that it is the one that the config names, and gives its size without compression.
fn keep_layer(
    store: &Store,
    image: &ImageSource,
    number: usize,
    layer: &Descriptor,
    diff_id: &DiffId,
    cancelled: &dyn Fn() -> bool,
) -> Result<u64, ImagesError> {
    let broken = |source| ImagesError::Layer {
        diff_id: *diff_id,
        source,
    };
    let failed = |failed| match failed {
        Copying::Cancelled => ImagesError::Cancelled,
        Copying::Read(source) | Copying::Write(source) => broken(source),
    };
    if store.blob_size(&layer.digest)? != Some(layer.size) {
        let mut blob = store.blob_writer()?;
        copy(&mut image.open_layer(number)?, &mut blob, cancelled).map_err(failed)?;
        blob.finish_expecting(&layer.digest, layer.size)?;
    }
    // Whoever believes a wrong pair would be given these files for those of another image.
    let format = match layer.kind() {
        Kind::Layer(LayerForm::Gzip) => Format::Gzip,
        Kind::Layer(LayerForm::Zstd) => Format::Zstd,
        _ => Format::Tar,
    };
    let packed = store
        .open_blob(&layer.digest)?
        .ok_or(crate::store::StoreError::NoBlob(layer.digest))?;
    let mut plain = decoder(format, packed).map_err(broken)?;
    let mut hash = Sha256::new();
    let size = copy(&mut plain, &mut hash, cancelled).map_err(failed)?;
    let found = hash.diff_id();
    if found != *diff_id {
        return Err(ImagesError::WrongLayer {
            expected: *diff_id,
            found,
        });
    }
    Ok(size)
}

/// What the store calls the form of a layer that was not compressed here.
fn form_of(layer: &Descriptor) -> String {
    let media_type = match layer.kind() {
        Kind::Layer(_) => &layer.media_type,
        _ => media::OCI_LAYER,
    };
    format!("{AS_IT_CAME}{media_type}")
}

fn created(image: &ImageSource) -> Time {
    let time = image.config().created.as_deref().and_then(parse_time);
    time.map(|(seconds, nanoseconds)| Time { seconds, nanoseconds })
        .unwrap_or_default()
}

enum Copying {
    Cancelled,
    Read(io::Error),
    Write(io::Error),
}

/// Copies until the end, or until nobody wants it any more.
fn copy(from: &mut dyn Read, to: &mut dyn Write, cancelled: &dyn Fn() -> bool) -> Result<u64, Copying> {
    let mut buffer = vec![0; 1 << 17];
    let mut size = 0;
    loop {
        if cancelled() {
            return Err(Copying::Cancelled);
        }
        match from.read(&mut buffer) {
            Ok(0) => return Ok(size),
            Ok(count) => {
                to.write_all(&buffer[..count]).map_err(Copying::Write)?;
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(Copying::Read(error)),
        }
    }
}

impl std::fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}
