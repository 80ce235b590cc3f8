//! Results in a directory: an OCI layout, and beside it a manifest for each step.

use super::document::{LARGEST, RECORDS, embedded, pack, unpack};
use super::{Bundle, Exchange, ExchangeError, MountSet, Place, Record, mounts};
use crate::digest::{BlobDigest, FileDigest, StepKey};
use crate::oci::{Descriptor, Index, Manifest, annotations, media};
use crate::registry::PartBytes;
use crate::store::{Store, StoreError};
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A directory that results lie in.
#[derive(Debug)]
pub struct LocalExchange {
    folder: PathBuf,
    tag: String,
    place: Place,
}

/// What makes a directory a layout (OCI image-spec `image-layout.md`).
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Largest index or manifest, in bytes.
const LARGEST_DOCUMENT: u64 = 8 << 20;

impl LocalExchange {
    /// A directory, which need not be there before something is written to it; `tag` names the bundle in it.
    pub fn new(folder: impl Into<PathBuf>, tag: &str) -> Self {
        let folder = folder.into();
        Self {
            place: Place::Directory {
                path: folder.clone(),
                tag: tag.to_owned(),
            },
            folder,
            tag: tag.to_owned(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn blob(digest: &BlobDigest) -> String {
        format!("blobs/sha256/{}", digest.hex())
    }

    fn mount_name(identity: &FileDigest) -> String {
        format!("mounts/{}", identity.hex())
    }

    fn step(key: &StepKey) -> String {
        format!("steps/{}", key.hex())
    }

    /// Reads a small file; `None` when there is none.
    fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, ExchangeError> {
        let path = self.path(name);
        let Some(file) = open(&path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = file.take(limit + 1).read_to_end(&mut bytes);
        read.map_err(failed("read", &path))?;
        match bytes.len() as u64 > limit {
            true => Err(failed("read", &path)(io::Error::other("it is too large"))),
            false => Ok(Some(bytes)),
        }
    }

    /// Writes a file that appears whole or not at all.
    fn write(&self, name: &str, content: &mut dyn Read) -> Result<(), ExchangeError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let path = self.path(name);
        let parent = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(parent).map_err(failed("create", parent))?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let new = parent.join(format!(".new-{}-{number}", std::process::id()));
        let written = File::create(&new).and_then(|mut file| io::copy(content, &mut file));
        let written = written.and_then(|_| std::fs::rename(&new, &path));
        written.map_err(|error| {
            let _ = std::fs::remove_file(&new);
            failed("write", &path)(error)
        })
    }

    /// A document of the kind that is wanted, and the manifest that leads to it.
    fn document(
        &self,
        name: &str,
        bytes: &[u8],
        kind: &str,
        largest: u64,
    ) -> Result<(Vec<u8>, Manifest), ExchangeError> {
        let wrong = |why: String| ExchangeError::Document {
            what: self.path(name).display().to_string(),
            why,
        };
        let manifest = Manifest::from_bytes(bytes).map_err(|error| wrong(error.to_string()))?;
        if manifest.config.media_type != kind {
            return Err(wrong("it is something else".to_owned()));
        }
        let document = match embedded(&manifest) {
            Some(document) => document,
            None => {
                let document = self.read(&Self::blob(&manifest.config.digest), largest)?;
                document.ok_or_else(|| wrong("its document is missing".to_owned()))?
            }
        };
        if crate::digest::Sha256::of(&document) != manifest.config.digest {
            return Err(wrong("its document is damaged".to_owned()));
        }
        Ok((document, manifest))
    }

    fn records(&self, name: &str, bytes: &[u8]) -> Result<Bundle, ExchangeError> {
        let (records, manifest) = self.document(name, bytes, RECORDS, LARGEST)?;
        unpack(&self.path(name).display().to_string(), &records, &manifest.layers, &[])
    }

    /// Ensures that the directory has a blob.
    fn deliver(&self, blob: &Descriptor, bytes: &PartBytes, store: &Store) -> Result<(), ExchangeError> {
        let name = Self::blob(&blob.digest);
        let path = self.path(&name);
        if std::fs::metadata(&path).is_ok_and(|found| found.len() == blob.size) {
            return Ok(());
        }
        match bytes {
            PartBytes::Here(bytes) => self.write(&name, &mut Cursor::new(bytes)),
            PartBytes::File(file, offset) => {
                let (file, offset, left) = (Arc::clone(file), *offset, blob.size);
                self.write(&name, &mut Part { file, offset, left })
            }
            PartBytes::Stored | PartBytes::Far(..) => {
                if let PartBytes::Far(pulled, number) = bytes {
                    pulled.fetch(*number, store)?;
                }
                let mut stored = store.open_blob(&blob.digest)?.ok_or(StoreError::NoBlob(blob.digest))?;
                self.write(&name, &mut stored)
            }
        }
    }

    /// Puts all that a manifest names there; gives the manifest.
    fn put(
        &self,
        (manifest, document): (Manifest, Vec<u8>),
        bytes: &dyn Fn(&BlobDigest) -> PartBytes,
        store: &Store,
    ) -> Result<Vec<u8>, ExchangeError> {
        for layer in &manifest.layers {
            self.deliver(layer, &bytes(&layer.digest), store)?;
        }
        self.deliver(&manifest.config, &PartBytes::Here(document.into()), store)?;
        if std::fs::metadata(self.path("oci-layout")).is_err() {
            self.write("oci-layout", &mut &*LAYOUT)?;
        }
        Ok(manifest.to_bytes())
    }

    fn index(&self) -> Result<Index, ExchangeError> {
        let Some(bytes) = self.read("index.json", LARGEST_DOCUMENT)? else {
            return Ok(Index::new(Vec::new()));
        };
        Index::from_bytes(&bytes).map_err(|error| ExchangeError::Document {
            what: self.path("index.json").display().to_string(),
            why: error.to_string(),
        })
    }

    fn is_ours(&self, entry: &Descriptor) -> bool {
        entry.annotations.get(annotations::REF_NAME) == Some(&self.tag)
    }
}

impl Exchange for LocalExchange {
    fn place(&self) -> &Place {
        &self.place
    }

    fn bundle(&self, _: &Store) -> Result<Option<Bundle>, ExchangeError> {
        let index = self.index()?;
        let Some(entry) = index.manifests.iter().find(|entry| self.is_ours(entry)) else {
            return Ok(None);
        };
        let name = Self::blob(&entry.digest);
        match self.read(&name, LARGEST_DOCUMENT)? {
            Some(bytes) if crate::digest::Sha256::of(&bytes) != entry.digest => Err(ExchangeError::Document {
                what: self.path(&name).display().to_string(),
                why: "it is not what its digest says".to_owned(),
            }),
            Some(bytes) => self.records(&name, &bytes).map(Some),
            None => Ok(None),
        }
    }

    fn record(&self, key: &StepKey) -> Result<Option<Record>, ExchangeError> {
        let name = Self::step(key);
        match self.read(&name, LARGEST_DOCUMENT)? {
            Some(bytes) => Ok(self.records(&name, &bytes)?.steps.remove(key)),
            None => Ok(None),
        }
    }

    fn mount(&self, identity: &FileDigest, _: &Store) -> Result<Option<MountSet>, ExchangeError> {
        let name = Self::mount_name(identity);
        let Some(bytes) = self.read(&name, LARGEST_DOCUMENT)? else {
            return Ok(None);
        };
        let (document, manifest) = self.document(&name, &bytes, mounts::MOUNT, mounts::LARGEST)?;
        MountSet::unpack(&self.path(&name).display().to_string(), &document, &manifest.layers).map(Some)
    }

    fn fetch(&self, blob: &Descriptor, store: &Store) -> Result<(), ExchangeError> {
        if store.blob_size(&blob.digest)? == Some(blob.size) {
            return Ok(());
        }
        let path = self.path(&Self::blob(&blob.digest));
        let file = open(&path)?.ok_or_else(|| failed("read", &path)(io::ErrorKind::NotFound.into()))?;
        let mut writer = store.blob_writer()?;
        // One byte more, so that a longer file is seen to be longer.
        let copied = io::copy(&mut file.take(blob.size.saturating_add(1)), &mut writer);
        copied.map_err(failed("read", &path))?;
        writer.flush().map_err(failed("read", &path))?;
        Ok(writer.finish_expecting(&blob.digest, blob.size)?)
    }

    fn put_record(
        &self,
        key: &StepKey,
        record: &Record,
        bytes: &PartBytes,
        store: &Store,
    ) -> Result<(), ExchangeError> {
        let bundle = Bundle {
            steps: BTreeMap::from([(*key, record.clone())]),
            ..Bundle::default()
        };
        let manifest = self.put(pack(&bundle), &|_| bytes.clone(), store)?;
        self.write(&Self::step(key), &mut &manifest[..])
    }

    fn put_bundle(
        &self,
        bundle: &Bundle,
        bytes: &BTreeMap<BlobDigest, PartBytes>,
        store: &Store,
    ) -> Result<(), ExchangeError> {
        let part = |digest: &BlobDigest| bytes.get(digest).cloned().unwrap_or(PartBytes::Stored);
        let manifest = self.put(pack(bundle), &part, store)?;
        let mut entry = Descriptor::of(media::OCI_MANIFEST, &manifest);
        self.deliver(&entry, &PartBytes::Here(manifest.into()), store)?;
        entry
            .annotations
            .insert(annotations::REF_NAME.to_owned(), self.tag.clone());
        // Others may be adding theirs; the lock goes with the file.
        let path = self.path("index.lock");
        let lock = File::create(&path).map_err(failed("create", &path))?;
        let locked = rustix::fs::flock(&lock, FlockOperation::LockExclusive);
        locked.map_err(|errno| failed("lock", &path)(errno.into()))?;
        let mut index = self.index()?;
        index.manifests.retain(|entry| !self.is_ours(entry));
        index.manifests.push(entry);
        self.write("index.json", &mut &index.to_bytes()[..])
    }

    fn put_mount(
        &self,
        identity: &FileDigest,
        set: &MountSet,
        _: Option<&MountSet>,
        store: &Store,
    ) -> Result<(), ExchangeError> {
        let manifest = self.put(set.pack(), &|_| PartBytes::Stored, store)?;
        self.write(&Self::mount_name(identity), &mut &manifest[..])
    }
}

/// Opens a regular file for reading, and nothing else; `None` when there is none.
fn open(path: &Path) -> Result<Option<File>, ExchangeError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed("open", path)(errno.into())),
    };
    let found = file.metadata().map_err(failed("open", path))?;
    match found.is_file() {
        true => Ok(Some(file)),
        false => Err(failed("open", path)(io::Error::other(format!(
            "it is not a regular file (mode {:o})",
            found.mode()
        )))),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ExchangeError {
    let path = path.to_path_buf();
    move |source| ExchangeError::File { action, path, source }
}

/// Some bytes of a file, without its own position.
struct Part {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.file.read_at(&mut buffer[..most], self.offset)?;
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}
