//! Cache mounts: a folder as a listing and packs of pieces, of which only those travel that are new.
//!
//! Files are cut into pieces of a fixed size, which are named by their content. Pieces that a pack has already are not
//! packed again, so that a folder in which one file changed costs a pack with that file's new pieces, and a listing.

use super::error::ExchangeError;
use crate::digest::{BlobDigest, FileDigest, FileHasher};
use crate::layer::{
    Compression, Content, DeltaWriter, Entry, Format, Host, Kind, LayerEncoder, Listing, View, decoder, scan,
};
use crate::oci::{Descriptor, Manifest, media};
use crate::store::{Store, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// The media type of what is told of a cache mount.
pub(super) const MOUNT: &str = "application/vnd.varve.cache.mount.v1+json";
const LISTING: &str = "application/vnd.varve.cache.listing.v1+zstd";
const PACK: &str = "application/vnd.varve.cache.pack.v1+zstd";
/// Largest document and listing, in bytes.
pub(super) const LARGEST: u64 = 64 << 20;
/// Documents of up to so many bytes stand in the manifest itself.
const EMBEDDED: usize = 256 << 10;
/// Bytes of a piece.
const PIECE: u64 = 4 << 20;
/// Bytes of pieces in a pack, after which the next begins.
const PACK_SIZE: u64 = 64 << 20;
/// How listings and packs are compressed.
const COMPRESSION: Compression = Compression::ZSTD;

/// A cache mount as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSet {
    /// The listing, compressed.
    listing: Descriptor,
    listing_size: u64,
    packs: Vec<Pack>,
    /// The pieces of files that have several.
    large: BTreeMap<FileDigest, Vec<FileDigest>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Pack {
    blob: Descriptor,
    /// Its pieces in order, and how long each is.
    pieces: Vec<(FileDigest, u64)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    listing_size: u64,
    /// The pieces of each pack; packs are the layers after the first.
    packs: Vec<Vec<(FileDigest, u64)>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    large: BTreeMap<FileDigest, Vec<FileDigest>>,
}

impl MountSet {
    /// The set as a manifest, and the blob that is its config.
    pub(super) fn pack(&self) -> (Manifest, Vec<u8>) {
        let document = Document {
            listing_size: self.listing_size,
            packs: self.packs.iter().map(|pack| pack.pieces.clone()).collect(),
            large: self.large.clone(),
        };
        let bytes = serde_json::to_vec(&document).unwrap_or_default();
        let mut config = Descriptor::of(MOUNT, &bytes);
        if bytes.len() <= EMBEDDED {
            config.data = Some(STANDARD.encode(&bytes));
        }
        let mut layers = vec![self.listing.clone()];
        layers.extend(self.packs.iter().map(|pack| pack.blob.clone()));
        let mut manifest = Manifest::new(media::OCI_MANIFEST, config, layers);
        manifest.artifact_type = Some(MOUNT.to_owned());
        (manifest, bytes)
    }

    /// Reads a set.
    pub(super) fn unpack(what: &str, bytes: &[u8], layers: &[Descriptor]) -> Result<Self, ExchangeError> {
        let wrong = |why: String| ExchangeError::Document {
            what: what.to_owned(),
            why,
        };
        let document: Document = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        let (listing, packs) = layers
            .split_first()
            .ok_or_else(|| wrong("its listing is missing".to_owned()))?;
        if packs.len() != document.packs.len() {
            return Err(wrong("it tells of other packs than it has".to_owned()));
        }
        let lengths = document.packs.iter().flatten().map(|(_, length)| *length);
        if lengths.clone().any(|length| length > PIECE) || document.listing_size > LARGEST {
            return Err(wrong("a size makes no sense".to_owned()));
        }
        let packs = packs.iter().zip(document.packs);
        Ok(Self {
            listing: listing.clone(),
            listing_size: document.listing_size,
            packs: packs
                .map(|(blob, pieces)| Pack {
                    blob: blob.clone(),
                    pieces,
                })
                .collect(),
            large: document.large,
        })
    }

    /// All blobs of it but its document.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.listing).chain(self.packs.iter().map(|pack| &pack.blob))
    }

    /// Puts a folder into the store as a set; what `before` has already stays where it is.
    pub(super) fn of_folder(
        folder: &Path,
        before: Option<&Self>,
        store: &Store,
        host: &Host,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self, ExchangeError> {
        let root = File::open(folder).map_err(ExchangeError::Bytes)?;
        let found = scan(root.as_fd(), host, &View::new(Vec::new()), &|_| false, cancelled)?;
        let mut cutting = Cutting::new(folder, before);
        let entries = cutting.entries(found)?;
        let listing = Listing::from_entries(entries).map_err(|error| ExchangeError::Layer(error.into()))?;
        let bytes = listing.encode();
        let mut packs = cutting.kept();
        packs.extend(cutting.pack(store)?);
        Ok(Self {
            listing: compressed(LISTING, store, |out| out.write_all(&bytes))?,
            listing_size: bytes.len() as u64,
            packs,
            large: cutting.large,
        })
    }

    /// Fills an empty folder with the set, whose blobs the store has.
    pub(super) fn to_folder(&self, folder: &Path, store: &Store, host: &Host) -> Result<(), ExchangeError> {
        let mut bytes = Vec::new();
        let mut stream = plain(&self.listing, self.listing_size, store)?;
        stream.read_to_end(&mut bytes).map_err(ExchangeError::Bytes)?;
        let listing = Listing::decode(&bytes).map_err(|error| ExchangeError::Layer(error.into()))?;
        let pieces = self.pieces(store)?;
        let root = File::open(folder).map_err(ExchangeError::Bytes)?;
        let writer = DeltaWriter::new(root.into(), *host);
        for entry in listing.into_entries() {
            if entry.path.is_empty() || !travels(&entry.kind) {
                continue;
            }
            match entry.kind {
                Kind::File { size, digest } if size > 0 => {
                    let one = [digest];
                    let names = self.large.get(&digest).map_or(&one[..], |names| &names[..]);
                    let mut content = pieces.content(names);
                    // The digest is known, so that another content is an error.
                    writer.put(entry, Content::Reader(&mut content))?;
                }
                _ => writer.put(entry, Content::None)?,
            }
        }
        writer.finish()?;
        Ok(())
    }

    /// All pieces, in a file without a name.
    fn pieces(&self, store: &Store) -> Result<Pieces, ExchangeError> {
        let draft = store.draft()?;
        let path = draft.work()?.join("pieces");
        let file = File::options().read(true).write(true).create_new(true).open(path);
        let mut file = file.map_err(ExchangeError::Bytes)?;
        let (mut places, mut end) = (HashMap::new(), 0);
        let mut buffer = Vec::new();
        for pack in &self.packs {
            let size = pack.pieces.iter().map(|(_, length)| length).sum();
            let mut stream = plain(&pack.blob, size, store)?;
            for (name, length) in &pack.pieces {
                buffer.resize(usize::try_from(*length).unwrap_or_default(), 0);
                stream.read_exact(&mut buffer).map_err(ExchangeError::Bytes)?;
                if FileHasher::of(&buffer) != *name {
                    return Err(ExchangeError::Document {
                        what: pack.blob.digest.to_string(),
                        why: format!("the piece `{name}` is not what it is called"),
                    });
                }
                file.write_all(&buffer).map_err(ExchangeError::Bytes)?;
                places.insert(*name, (end, *length));
                end += length;
            }
        }
        Ok(Pieces { file, places })
    }
}

/// Whether an entry of a cache mount goes to other machines.
fn travels(kind: &Kind) -> bool {
    match kind {
        Kind::File { .. } | Kind::Directory { .. } | Kind::Symlink { .. } | Kind::HardLink { .. } => true,
        Kind::Character { .. } | Kind::Block { .. } | Kind::Fifo | Kind::Whiteout => false,
    }
}

/// Pieces on disk.
struct Pieces {
    file: File,
    places: HashMap<FileDigest, (u64, u64)>,
}

impl Pieces {
    /// Pieces one after another; one that is missing is an error when it is read.
    fn content<'a>(&'a self, names: &'a [FileDigest]) -> impl Read + 'a {
        Joined {
            pieces: self,
            names: names.iter(),
            at: 0,
            left: 0,
        }
    }
}

struct Joined<'a> {
    pieces: &'a Pieces,
    names: std::slice::Iter<'a, FileDigest>,
    at: u64,
    left: u64,
}

impl Read for Joined<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            let Some(name) = self.names.next() else { return Ok(0) };
            let place = self.pieces.places.get(name);
            let (at, length) = place.ok_or_else(|| io::Error::other(format!("the piece `{name}` is missing")))?;
            (self.at, self.left) = (*at, *length);
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.pieces.file.read_at(&mut buffer[..most], self.at)?;
        if count == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// A folder on its way into pieces.
struct Cutting<'a> {
    folder: &'a Path,
    before: Vec<&'a Pack>,
    /// What the files need.
    needed: BTreeMap<FileDigest, u64>,
    /// Where each piece can be read: the file's path and the place in it.
    places: HashMap<FileDigest, (Box<[u8]>, u64)>,
    large: BTreeMap<FileDigest, Vec<FileDigest>>,
}

impl<'a> Cutting<'a> {
    fn new(folder: &'a Path, before: Option<&'a MountSet>) -> Self {
        Self {
            folder,
            before: before.map_or_else(Vec::new, |set| set.packs.iter().collect()),
            needed: BTreeMap::new(),
            places: HashMap::new(),
            large: BTreeMap::new(),
        }
    }

    /// The entries that travel, after a look at their pieces.
    fn entries(&mut self, found: Listing) -> Result<Vec<Entry>, ExchangeError> {
        let mut entries = Vec::new();
        let mut left_out: HashSet<Box<[u8]>> = HashSet::new();
        for mut entry in found.into_entries() {
            let link_to_nothing = matches!(&entry.kind, Kind::HardLink { target } if left_out.contains(target));
            if entry.path.is_empty() || !travels(&entry.kind) || link_to_nothing {
                left_out.insert(entry.path);
                continue;
            }
            entry.xattrs.clear();
            if let Kind::File { size, digest } = entry.kind
                && size > 0
            {
                match size <= PIECE {
                    true => self.need(digest, size, &entry.path, 0),
                    false => self.cut(&entry.path, size, digest)?,
                }
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn need(&mut self, piece: FileDigest, length: u64, path: &[u8], offset: u64) {
        self.needed.insert(piece, length);
        self.places.entry(piece).or_insert_with(|| (path.into(), offset));
    }

    /// Names the pieces of a large file.
    fn cut(&mut self, path: &[u8], size: u64, digest: FileDigest) -> Result<(), ExchangeError> {
        if self.large.contains_key(&digest) {
            return Ok(());
        }
        let file = self.open(path)?;
        let mut names = Vec::new();
        let mut offset = 0;
        while offset < size {
            let bytes = read_piece(&file, offset, PIECE.min(size - offset)).map_err(ExchangeError::Bytes)?;
            let name = FileHasher::of(&bytes);
            self.need(name, bytes.len() as u64, path, offset);
            names.push(name);
            offset += bytes.len() as u64;
        }
        self.large.insert(digest, names);
        Ok(())
    }

    fn open(&self, path: &[u8]) -> Result<File, ExchangeError> {
        use rustix::fs::{Mode, OFlags, ResolveFlags};
        let root = File::open(self.folder).map_err(ExchangeError::Bytes)?;
        let file = rustix::fs::openat2(
            &root,
            path,
            OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        );
        Ok(File::from(file.map_err(|errno| ExchangeError::Bytes(errno.into()))?))
    }

    /// The packs of earlier that are worth keeping: at least half of each is needed.
    fn kept(&mut self) -> Vec<Pack> {
        let mut kept = Vec::new();
        for pack in std::mem::take(&mut self.before) {
            let all: u64 = pack.pieces.iter().map(|(_, length)| length).sum();
            let needed = pack.pieces.iter().filter(|(name, _)| self.needed.contains_key(name));
            let needed: u64 = needed.map(|(_, length)| length).sum();
            if needed > 0 && needed >= all / 2 {
                for (name, _) in &pack.pieces {
                    self.needed.remove(name);
                }
                kept.push(pack.clone());
            }
        }
        kept
    }

    /// Packs what is still needed, in the order in which the files have it.
    fn pack(&mut self, store: &Store) -> Result<Vec<Pack>, ExchangeError> {
        let mut order: Vec<_> = std::mem::take(&mut self.needed)
            .into_iter()
            .filter_map(|(name, length)| Some((self.places.get(&name)?.clone(), name, length)))
            .collect();
        order.sort_unstable();
        let mut packs = Vec::new();
        let mut rest = &order[..];
        while !rest.is_empty() {
            let mut size = 0;
            let count = rest.iter().take_while(|(_, _, length)| {
                let fits = size < PACK_SIZE;
                size += length;
                fits
            });
            let (these, after) = rest.split_at(count.count());
            let mut pieces = Vec::new();
            let blob = compressed(PACK, store, |out| {
                for ((path, offset), name, length) in these {
                    let file = self.open(path).map_err(io::Error::other)?;
                    let bytes = read_piece(&file, *offset, *length)?;
                    if FileHasher::of(&bytes) != *name {
                        return Err(io::Error::other("a file of the cache mount changed meanwhile"));
                    }
                    out.write_all(&bytes)?;
                    pieces.push((*name, *length));
                }
                Ok(())
            })?;
            packs.push(Pack { blob, pieces });
            rest = after;
        }
        Ok(packs)
    }
}

fn read_piece(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// Compresses something into a blob of the store.
fn compressed(
    media_type: &str,
    store: &Store,
    write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
) -> Result<Descriptor, ExchangeError> {
    let mut encoder = LayerEncoder::new(COMPRESSION, store.hashed_blob_writer()?);
    write(&mut encoder).map_err(ExchangeError::Bytes)?;
    let (blob, encoded) = encoder.finish().map_err(ExchangeError::Bytes)?;
    blob.finish_named(&encoded.digest, encoded.size)?;
    Ok(Descriptor::new(media_type, encoded.digest, encoded.size))
}

/// Reads a compressed blob of the store, and no more than was told.
fn plain(blob: &Descriptor, size: u64, store: &Store) -> Result<impl Read, ExchangeError> {
    let reader = store.open_blob(&blob.digest)?.ok_or(StoreError::NoBlob(blob.digest))?;
    let stream = decoder(Format::Zstd, reader).map_err(ExchangeError::Bytes)?;
    Ok(stream.take(size))
}

/// The blobs of a set that another does not have.
pub(super) fn new_blobs(set: &MountSet, before: Option<&MountSet>) -> BTreeSet<BlobDigest> {
    let known: BTreeSet<BlobDigest> = before
        .into_iter()
        .flat_map(MountSet::blobs)
        .map(|blob| blob.digest)
        .collect();
    let new = set.blobs().map(|blob| blob.digest);
    new.filter(|digest| !known.contains(digest)).collect()
}
