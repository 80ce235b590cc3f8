//! The ways out: what is written where.

use super::ExportError;
use super::destination::{NewFile, Sink};
use super::image::{Image, LayerSource};
use super::layers::{Epoch, Named, Packer};
use super::layout::{Packed, family_for};
use super::local;
use super::push::push;
use super::tree::Tree;
use crate::digest::BlobDigest;
use crate::layer::Compression;
use crate::oci::media::Family;
use crate::oci::{Descriptor, ImageConfig, Reference};
use crate::registry::{Pushed, Registries};
use crate::store::{ImageLayer, ImageRecord, Store};
use std::collections::BTreeMap;
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
    /// What layouts say of the image beyond it.
    pub annotations: Annotations,
}

/// Notes on an image, by key. They are no part of its config, and so not of its ID.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Annotations {
    /// In the manifest.
    pub manifest: BTreeMap<String, String>,
    /// Beside the manifest's entry in the index; written in OCI's media types only.
    pub descriptor: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            compression: Compression::GZIP,
            force_compression: false,
            family: None,
            names: Vec::new(),
            epoch: None,
            annotations: Annotations::default(),
        }
    }
}

/// What was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// The image's id: the digest of its config. Outputs of files have none.
    pub config: Option<Descriptor>,
    /// The manifest, where one was written.
    pub manifest: Option<Descriptor>,
    /// Devices that this user may not make and that were left out of a directory.
    pub skipped: Vec<PathBuf>,
}

/// Hands an image out.
///
/// `cancelled` is asked every megabyte or so, from several threads.
pub fn export(
    store: &Store,
    image: &Image,
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
        image,
        options,
        names: options.names.iter().cloned().map(Reference::or_latest).collect(),
    };
    match output {
        Output::Nothing => Ok(Exported::default()),
        Output::Image => exporter.image(),
        Output::Oci(destination) => exporter.layout(destination, false),
        Output::Docker(destination) => exporter.layout(destination, true),
        Output::OciDirectory(path) => exporter.directory(path, false),
        Output::Registry {
            registries,
            by_digest,
            tell,
        } => {
            let (config, packed) = exporter.pack(false)?;
            push(&exporter.packer, &packed, &exporter.names, registries, by_digest, tell)?;
            Ok(Exported {
                config: Some(config),
                manifest: Some(packed.manifest),
                skipped: Vec::new(),
            })
        }
        Output::DockerDirectory(path) => exporter.directory(path, true),
        Output::Tar(destination) => {
            let tree = Tree::new(&exporter.packer, image)?;
            write_to(destination, &|sink, failed| {
                tree.write_tar(&exporter.packer, sink, failed)
            })?;
            Ok(Exported::default())
        }
        Output::Local { path, ownership } => {
            let tree = Tree::new(&exporter.packer, image)?;
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
    let exported = export(store, image, Output::Image, &options, cancelled)?;
    Ok(exported
        .config
        .map_or(BlobDigest::from_bytes([0; 32]), |config| config.digest))
}

struct Exporter<'a> {
    packer: Packer<'a>,
    image: &'a Image,
    options: &'a Options,
    names: Vec<Reference>,
}

pub(super) type Failed<'a> = &'a dyn Fn(io::Error) -> ExportError;

impl Exporter<'_> {
    fn image(&self) -> Result<Exported, ExportError> {
        let named = self.packer.name(self.image)?;
        let config = self.record(&named)?;
        Ok(Exported {
            config: Some(config),
            ..Exported::default()
        })
    }

    /// Records the image in the local store.
    fn record(&self, named: &[Named]) -> Result<Descriptor, ExportError> {
        let store = self.packer.store;
        let document = document(self.image, named, self.options.epoch.as_ref()).to_bytes();
        let config = Descriptor::of(Family::Oci.config(), &document);
        store.put_blob(&document)?;
        let mut size = 0_u64;
        let mut layers = Vec::with_capacity(named.len());
        for (layer, source) in named.iter().zip(&self.image.layers) {
            let content = match source {
                _ if self.packer.keep_clamped(layer, self.options.compression)? => None,
                LayerSource::Delta(content) => Some(*content),
                LayerSource::Blob {
                    diff_id,
                    descriptor,
                    place,
                } => self.packer.keep_base(diff_id, descriptor, place)?,
            };
            let bytes = match (layer.size, source) {
                (Some(size), _) => size,
                (None, LayerSource::Blob { descriptor, .. }) => match content {
                    Some(content) => store.listing(&content).map_or(descriptor.size, |it| it.total_size()),
                    None => descriptor.size,
                },
                (None, LayerSource::Delta(_)) => 0,
            };
            size = size.saturating_add(bytes);
            layers.push(ImageLayer {
                diff_id: layer.diff_id,
                content,
            });
        }
        let record = ImageRecord {
            id: config.digest,
            manifest: None,
            layers,
            created: self.image.created(self.options.epoch.as_ref()),
            size,
        };
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        store.put_image(&record, &names)?;
        Ok(config)
    }

    fn pack(&self, docker: bool) -> Result<(Descriptor, Packed), ExportError> {
        let usual = if docker { Family::Docker } else { Family::Oci };
        let annotations = &self.options.annotations;
        let wanted = match annotations.descriptor.is_empty() {
            true => self.options.family.unwrap_or(usual),
            // Docker's documents have no place for them.
            false => Family::Oci,
        };
        let (named, blobs) = self.packer.name_and_pack(
            self.image,
            self.options.compression,
            self.options.force_compression,
            wanted,
        )?;
        let document = document(self.image, &named, self.options.epoch.as_ref());
        let family = family_for(wanted, &blobs);
        let bytes = document.to_bytes();
        let config = Descriptor::of(family.config(), &bytes);
        let packed = Packed::new(&document, bytes, blobs, family, &self.names, annotations);
        Ok((config, packed))
    }

    fn layout(&self, destination: Destination<'_>, docker: bool) -> Result<Exported, ExportError> {
        let (config, packed) = self.pack(docker)?;
        write_to(destination, &|sink, failed| {
            packed.write_tar(&self.packer, docker, sink, failed)
        })?;
        Ok(Exported {
            config: Some(config),
            manifest: Some(packed.manifest),
            skipped: Vec::new(),
        })
    }

    fn directory(&self, path: PathBuf, docker: bool) -> Result<Exported, ExportError> {
        let (config, packed) = self.pack(docker)?;
        packed.write_directory(&self.packer, docker, &path)?;
        Ok(Exported {
            config: Some(config),
            manifest: Some(packed.manifest),
            skipped: Vec::new(),
        })
    }
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
