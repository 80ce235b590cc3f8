//! The ways out: what is written where.

use super::ExportError;
use super::destination::{NewFile, Sink};
use super::image::Image;
use super::layers::{Epoch, Named, Packer};
use super::local;
use super::member::{IndexNotes, Member, Subject};
use super::packed::{Packed, PackedImage, family_for};
use super::push::push;
use super::tree::Tree;
use crate::digest::BlobDigest;
use crate::exchange::{INLINE, inline};
use crate::layer::Compression;
use crate::oci::media::Family;
use crate::oci::{Descriptor, ImageConfig, Reference};
use crate::registry::{Pushed, Registries};
use crate::store::Store;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

/// Where to write a file.
pub enum Destination<'a> {
    /// A file, which appears complete or not at all; special files are written to as they are.
    Path(PathBuf),
    /// Whatever the caller gives.
    Stream(&'a mut (dyn Write + Send)),
}

/// What to hand out.
pub enum Output<'a> {
    /// Nothing: the build is done and cached.
    Nothing,
    /// An image in the local store, under the names of the options.
    Image,
    /// An OCI layout in a tar file.
    Oci(Destination<'a>),
    /// An OCI layout in a directory, beside the images that are there.
    OciDirectory(PathBuf),
    /// An image in the registries that its names tell of.
    Registry {
        /// How they are reached.
        registries: &'a Registries,
        /// Whether it gets no tags there.
        by_digest: bool,
        /// Is told what happens, from several threads.
        tell: Tell<'a>,
    },
    /// A tar file that `docker load` reads.
    Docker(Destination<'a>),
    /// The same in a directory.
    DockerDirectory(PathBuf),
    /// The image's files in one tar file.
    Tar(Destination<'a>),
    /// The image's files in a directory.
    Local {
        /// The directory, made when missing.
        path: PathBuf,
        /// Whether files get the owners that they have in the image; otherwise they are the user's.
        ownership: bool,
    },
}

/// Somebody who is told how a push goes.
pub type Tell<'a> = &'a (dyn Fn(Pushed) + Sync);

/// How to hand it out.
#[derive(Debug, Clone)]
pub struct Options {
    /// How layers of this build travel.
    pub compression: Compression,
    /// Whether layers of the base image are compressed the same way.
    pub force_compression: bool,
    /// Media types; by default OCI's, and Docker's for [`Output::Docker`].
    pub family: Option<Family>,
    /// Names of the image; one without tag and digest gets `latest`.
    pub names: Vec<Reference>,
    /// `SOURCE_DATE_EPOCH`.
    pub epoch: Option<Epoch>,
    /// Notes on the index, if there is one.
    pub index: IndexNotes,
    /// Whether an image that is alone gets an index as well.
    pub always_index: bool,
    /// Whether the store's image gets its documents now. Otherwise an image that is alone, and of which nothing more is
    /// said, gets them when somebody wants them, and its layers are compressed then.
    pub keep_manifest: bool,
    /// Whether the files of each image are written to a folder of its platform; by default where there are several.
    pub split: Option<bool>,
    /// Further names in the store, which end with the digest of what is handed out.
    pub canonical: Vec<Reference>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            compression: Compression::GZIP,
            force_compression: false,
            family: None,
            names: Vec::new(),
            epoch: None,
            index: IndexNotes::default(),
            always_index: false,
            keep_manifest: false,
            split: None,
            canonical: Vec::new(),
        }
    }
}

/// What was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// The image's id: the digest of its config. Outputs of files have none, and neither have several images.
    pub config: Option<Descriptor>,
    /// The manifest or the index, where one was written.
    pub manifest: Option<Descriptor>,
    /// What the index lists.
    pub listed: Vec<Descriptor>,
    /// Devices that this user may not make and that were left out of a directory.
    pub skipped: Vec<PathBuf>,
}

/// Hands images out: one, or several that an index joins. There has to be one.
///
/// `cancelled` is asked every megabyte or so, from several threads.
pub fn export(
    store: &Store,
    members: &[Member<'_>],
    output: Output<'_>,
    options: &Options,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Exported, ExportError> {
    let packer = Packer {
        store,
        epoch: options.epoch,
        cancelled,
        pool: None,
    };
    let exporter = Exporter {
        packer,
        members,
        options,
        names: options.names.iter().cloned().map(Reference::or_latest).collect(),
    };
    match output {
        Output::Nothing => Ok(Exported::default()),
        Output::Image => exporter.keep(),
        Output::Oci(destination) => exporter.layout(destination, false),
        Output::Docker(destination) => exporter.layout(destination, true),
        Output::OciDirectory(path) => exporter.directory(path, false),
        Output::Registry {
            registries,
            by_digest,
            tell,
        } => {
            let (_, packed) = exporter.pack(false)?;
            push(&exporter.packer, &packed, &exporter.names, registries, by_digest, tell)?;
            Ok(exporter.exported(packed))
        }
        Output::DockerDirectory(path) => exporter.directory(path, true),
        Output::Tar(destination) => {
            let tree = exporter.tree()?;
            write_to(destination, &|sink, failed| {
                tree.write_tar(&exporter.packer, sink, failed)
            })?;
            Ok(Exported::default())
        }
        Output::Local { path, ownership } => {
            let tree = exporter.tree()?;
            Ok(Exported {
                skipped: local::write(&exporter.packer, &tree, &path, ownership)?,
                ..Exported::default()
            })
        }
    }
}

/// The id of an image: the digest of its config. Nothing is compressed or written but records.
pub fn image_id(
    store: &Store,
    image: &Image,
    epoch: Option<Epoch>,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<BlobDigest, ExportError> {
    let packer = Packer {
        store,
        epoch,
        cancelled,
        pool: None,
    };
    let document = document(image, &packer.name(image)?, epoch.as_ref());
    Ok(crate::digest::Sha256::of(&document.to_bytes()))
}

/// Puts an image into the local store under names, and gives its id.
pub fn tag(
    store: &Store,
    image: &Image,
    names: &[Reference],
    epoch: Option<Epoch>,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<BlobDigest, ExportError> {
    let options = Options {
        names: names.to_vec(),
        epoch,
        ..Options::default()
    };
    let exported = export(store, &[Member::plain(image)], Output::Image, &options, cancelled)?;
    Ok(exported
        .config
        .map_or(BlobDigest::from_bytes([0; 32]), |config| config.digest))
}

pub(super) struct Exporter<'a> {
    pub(super) packer: Packer<'a>,
    pub(super) members: &'a [Member<'a>],
    pub(super) options: &'a Options,
    pub(super) names: Vec<Reference>,
}

pub(super) type Failed<'a> = &'a dyn Fn(io::Error) -> ExportError;

impl Exporter<'_> {
    /// Whether the images are joined by an index, whatever is said of them.
    fn is_joined(&self) -> bool {
        self.members.len() > 1 || self.options.always_index
    }

    /// Gets everything ready to travel; also gives the named layers of each image.
    pub(super) fn pack(&self, docker: bool) -> Result<(Vec<Vec<Named>>, Packed), ExportError> {
        let usual = if docker { Family::Docker } else { Family::Oci };
        let notes = self
            .members
            .iter()
            .any(|member| !member.annotations.descriptor.is_empty());
        let wanted = match notes || self.options.index != IndexNotes::default() {
            false => self.options.family.unwrap_or(usual),
            // Docker's documents have no place for them.
            true => Family::Oci,
        };
        let mut all_named = Vec::with_capacity(self.members.len());
        let mut all_blobs = Vec::with_capacity(self.members.len());
        for member in self.members {
            let (named, blobs) = self.packer.name_and_pack(
                member.image,
                self.options.compression,
                self.options.force_compression,
                wanted,
            )?;
            all_named.push(named);
            all_blobs.push(blobs);
        }
        let family = family_for(wanted, all_blobs.iter().flatten());
        let mut referring = Vec::new();
        let mut images = Vec::with_capacity(self.members.len());
        for ((member, named), blobs) in self.members.iter().zip(&all_named).zip(all_blobs) {
            let document = self.document(member, named);
            let bytes = document.to_bytes();
            let image = PackedImage::new(&document, bytes, blobs, family, &member.annotations);
            let subject = Subject {
                descriptor: &image.manifest,
                manifest: &image.document,
                config: &image.config,
                names: &self.names,
            };
            let attestations = member.attest.map_or(Ok(Vec::new()), |attest| attest(&subject))?;
            if let Some(refer) = member.refer {
                referring.extend(refer(&subject)?);
            }
            images.push((image, attestations));
        }
        let speaks = images.iter().any(|(_, attestations)| !attestations.is_empty());
        if speaks || self.is_joined() {
            if docker {
                return Err(ExportError::NoIndex);
            }
            let mut packed = Packed::index(images, family, &self.names, &self.options.index);
            packed.refer(referring);
            return Ok((all_named, packed));
        }
        let Some((image, _)) = images.pop() else {
            return Err(ExportError::NoImage);
        };
        let mut packed = Packed::one(image, &self.names);
        packed.refer(referring);
        Ok((all_named, packed))
    }

    /// The files of the image, or of all images, each in the folder of its platform.
    fn tree(&self) -> Result<Tree, ExportError> {
        let split = self.options.split.unwrap_or(self.is_joined());
        let images: Vec<(Option<String>, &Image)> = self
            .members
            .iter()
            .map(|member| {
                let platform = member.image.config.platform();
                let folder = split.then(|| platform.to_string().replace('/', "_"));
                (folder, member.image)
            })
            .collect();
        Tree::new(&self.packer, &images)
    }

    /// The config of an image, with the records that it is to have.
    pub(super) fn document(&self, member: &Member<'_>, named: &[Named]) -> ImageConfig {
        let mut config = document(member.image, named, self.options.epoch.as_ref());
        if let Some(records) = &member.records {
            let compression = self.options.compression.name();
            let value = inline(&records.bundle, &records.numbers, &compression);
            config.other.insert(INLINE.to_owned(), value);
        }
        config
    }

    /// What is told of what was handed out.
    pub(super) fn exported(&self, packed: Packed) -> Exported {
        Exported {
            config: packed.config(),
            manifest: Some(packed.top),
            listed: packed.listed,
            skipped: Vec::new(),
        }
    }

    fn layout(&self, destination: Destination<'_>, docker: bool) -> Result<Exported, ExportError> {
        let (_, packed) = self.pack(docker)?;
        write_to(destination, &|sink, failed| {
            packed.write_tar(&self.packer, docker, sink, failed)
        })?;
        Ok(self.exported(packed))
    }

    fn directory(&self, path: PathBuf, docker: bool) -> Result<Exported, ExportError> {
        let (_, packed) = self.pack(docker)?;
        packed.write_directory(&self.packer, docker, &path)?;
        Ok(self.exported(packed))
    }
}

/// Writes a file, which appears complete or not at all.
///
/// # Errors
/// When it can't be written.
pub fn write_file(path: &std::path::Path, bytes: &[u8]) -> Result<(), ExportError> {
    write_to(Destination::Path(path.to_owned()), &|sink, failed| {
        sink.write_all(bytes).map_err(failed)
    })
}

/// Writes to a destination, which is complete in the end or as it was.
pub(super) fn write_to(
    destination: Destination<'_>,
    write: &dyn Fn(&mut Sink<'_>, Failed<'_>) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    match destination {
        Destination::Path(path) => {
            let mut file = NewFile::create(&path)?;
            let failed = |source| ExportError::io("write", &path)(source);
            write(&mut Sink::File(&mut file.file), &failed)?;
            file.finish()
        }
        Destination::Stream(stream) => write(&mut Sink::Stream(stream), &ExportError::Stream),
    }
}

fn document(image: &Image, named: &[Named], epoch: Option<&Epoch>) -> ImageConfig {
    image.document(named.iter().map(|layer| layer.diff_id).collect(), epoch)
}

impl fmt::Debug for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.debug_tuple("Path").field(path).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Image => "Image",
            Self::Oci(_) => "Oci",
            Self::OciDirectory(_) => "OciDirectory",
            Self::Registry { .. } => "Registry",
            Self::Docker(_) => "Docker",
            Self::DockerDirectory(_) => "DockerDirectory",
            Self::Tar(_) => "Tar",
            Self::Local { .. } => "Local",
        })
    }
}
