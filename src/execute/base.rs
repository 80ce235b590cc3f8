//! Base images: documents now, files when somebody needs them.

use super::ExecuteError;
use super::tree::TreeLayer;
use crate::digest::{BlobDigest, ContentId, DiffId};
use crate::layer::{DeltaWriter, Host};
use crate::oci::media::{Family, LayerForm};
use crate::oci::{Descriptor, ImageConfig, ImageSource, Layout, Reference};
use crate::plan::ImageKey;
use crate::registry::{Pulled, Registries};
use crate::store::{ImageRecord, Store};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

/// The base images of a build, by what the plan calls them.
#[derive(Debug, Default)]
pub struct Bases {
    images: BTreeMap<ImageKey, Arc<BaseImage>>,
    configs: BTreeMap<ImageKey, ImageConfig>,
}

impl Bases {
    /// Adds an image.
    pub fn add(&mut self, key: ImageKey, image: BaseImage) {
        self.configs.insert(key.clone(), image.config.clone());
        self.images.insert(key, Arc::new(image));
    }

    /// The configs, as lowering wants them.
    pub fn configs(&self) -> &BTreeMap<ImageKey, ImageConfig> {
        &self.configs
    }

    /// The layers of all images.
    pub(super) fn layers(&self) -> Vec<DiffId> {
        let configs = self.configs.values();
        configs
            .flat_map(|config| config.rootfs.diff_ids.iter().copied())
            .collect()
    }

    /// An image of the plan.
    ///
    /// # Errors
    /// When it was never added.
    pub fn image(&self, key: &ImageKey) -> Result<&Arc<BaseImage>, ExecuteError> {
        let missing = || ExecuteError::Internal(format!("the base `{}` was not resolved", key.reference));
        self.images.get(key).ok_or_else(missing)
    }
}

/// An image that a stage begins with.
#[derive(Debug)]
pub struct BaseImage {
    pub(super) name: String,
    config: ImageConfig,
    pub(super) origin: Origin,
    /// Held while a layer is unpacked, one for each: several steps may begin with the same image at once.
    pub(super) unpacking: Vec<Mutex<()>>,
}

/// Where its documents came from.
#[derive(Debug)]
pub(super) enum Origin {
    Layout(Box<ImageSource>),
    Store {
        record: ImageRecord,
        /// Where layers are that the store does not have.
        source: Option<Box<Pulled>>,
    },
}

impl BaseImage {
    /// An image of a layout.
    pub fn from_layout(name: impl Into<String>, source: ImageSource) -> Self {
        Self {
            name: name.into(),
            config: source.config().clone(),
            unpacking: locks(source.config()),
            origin: Origin::Layout(Box::new(source)),
        }
    }

    /// An image of the store by name; `None` when there is none, or the text is no name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn named(store: &Store, text: &str) -> Result<Option<Self>, ExecuteError> {
        let Ok(name) = text.parse::<Reference>() else {
            return Ok(None);
        };
        let record = store.image_named(&name.or_latest().to_string())?;
        record.map(|record| Self::of_record(store, text, record)).transpose()
    }

    /// An image of the store by the first digits of its ID; `None` when there is none, or several.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn with_id(store: &Store, text: &str) -> Result<Option<Self>, ExecuteError> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        if digits.len() < FEWEST_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let mut found = store.read(|records| records.images_by_prefix(digits, 2))?;
        match (found.pop(), found.is_empty()) {
            (Some(record), true) => Self::of_record(store, text, record).map(Some),
            _ => Ok(None),
        }
    }

    /// An image of the store by its record; `name` is for messages.
    ///
    /// # Errors
    /// When its config can't be read.
    pub fn of_record(store: &Store, name: &str, record: ImageRecord) -> Result<Self, ExecuteError> {
        let config = ImageConfig::from_bytes(&store.read_blob(&record.id, LARGEST_CONFIG)?)?;
        let source = None;
        let (name, origin) = (name.to_owned(), Origin::Store { record, source });
        let unpacking = locks(&config);
        Ok(Self {
            name,
            config,
            origin,
            unpacking,
        })
    }

    /// The same image, which may fetch layers that the store does not have yet, if it was pulled once.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn from_registry(mut self, registries: &Registries, store: &Store) -> Result<Self, ExecuteError> {
        if let Origin::Store { record, source } = &mut self.origin {
            let pulled = registries.source_of(&record.id, &self.config, store)?;
            *source = pulled.map(Box::new);
        }
        Ok(self)
    }

    /// Whether all its layers are here or can be fetched.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn is_whole(&self, store: &Store) -> Result<bool, ExecuteError> {
        let Origin::Store { record, source: None } = &self.origin else {
            return Ok(true);
        };
        store.read(|records| {
            for layer in &record.layers {
                let here = layer.content.is_some()
                    || records.content_of(&layer.diff_id)?.is_some()
                    || !records.recorded_blobs_of(&layer.diff_id)?.is_empty();
                if !here {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// Its ID; `None` for an image that is not in the store.
    pub fn id(&self) -> Option<BlobDigest> {
        match &self.origin {
            Origin::Store { record, .. } => Some(record.id),
            Origin::Layout(_) => None,
        }
    }

    /// The digest by which it can be had again: that of what its name led to in its registry, else that of its manifest,
    /// and of an image that was built here that of its config.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn pinned(&self, store: &Store) -> Result<BlobDigest, ExecuteError> {
        match &self.origin {
            Origin::Layout(source) => Ok(source.descriptor().digest),
            Origin::Store { record, .. } => {
                let origin = crate::registry::origin(&record.id, store)?;
                let known = origin.and_then(|it| it.digest().copied());
                Ok(known.or(record.manifest).unwrap_or(record.id))
            }
        }
    }

    /// Its config.
    pub fn config(&self) -> &ImageConfig {
        &self.config
    }

    /// Its layers, lowest first.
    pub fn layers(&self) -> &[DiffId] {
        &self.config.rootfs.diff_ids
    }

    /// A layer as part of a tree: a delta when it was made here, else what has to be unpacked first.
    pub fn layer(self: &Arc<Self>, index: usize) -> TreeLayer {
        let made_here = match &self.origin {
            Origin::Store { record, .. } => record.layers.get(index).and_then(|layer| layer.content),
            Origin::Layout(_) => None,
        };
        made_here.map_or_else(|| TreeLayer::Base(Arc::clone(self), index), TreeLayer::Delta)
    }

    /// The delta of a layer, if it was unpacked before.
    pub fn unpacked(&self, index: usize, store: &Store) -> Result<Option<ContentId>, ExecuteError> {
        match store.content_of(&self.layers()[index])? {
            Some(content) if store.has_delta(&content)? => Ok(Some(content)),
            _ => Ok(None),
        }
    }

    /// Where a layer lies in a layout, and how it travels; `None` for an image of the store.
    pub fn in_layout(&self, index: usize) -> Option<(&Layout, &Descriptor)> {
        match &self.origin {
            Origin::Layout(source) => Some((source.layout(), source.manifest().layers.get(index)?)),
            Origin::Store { .. } => None,
        }
    }

    /// Remembers in which form a layer came. The pair must be proven: it is believed for other images, too.
    pub(super) fn note_blob(&self, index: usize, descriptor: &Descriptor, store: &Store) -> Result<(), ExecuteError> {
        let form = format!("{AS_IT_CAME}{}", descriptor.media_type);
        Ok(store.put_blob_of(&self.layers()[index], &form, &descriptor.digest, descriptor.size)?)
    }

    /// A layer that the store has as a blob, best in the form in which it came.
    pub(super) fn stored(&self, index: usize, store: &Store) -> Result<Option<Descriptor>, ExecuteError> {
        let known = store.read(|records| records.recorded_blobs_of(&self.layers()[index]))?;
        let as_it_came = |form: &str| form.strip_prefix(AS_IT_CAME).map(str::to_owned);
        for media_type in [&as_it_came as &dyn Fn(&str) -> Option<String>, &compressed_here] {
            for (form, digest, size) in &known {
                if let Some(media_type) = media_type(form)
                    && store.has_blob(digest)?
                {
                    return Ok(Some(Descriptor::new(&media_type, *digest, *size)));
                }
            }
        }
        Ok(None)
    }

    /// The image of a registry that has a layer which the store does not have, and how it travels.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn far(&self, index: usize, store: &Store) -> Result<Option<(&Pulled, &Descriptor)>, ExecuteError> {
        let Origin::Store {
            source: Some(source), ..
        } = &self.origin
        else {
            return Ok(None);
        };
        let Some(descriptor) = source.manifest().layers.get(index) else {
            return Ok(None);
        };
        let here = store.has_blob(&descriptor.digest)? || self.stored(index, store)?.is_some();
        Ok((!here).then_some((source, descriptor)))
    }

    /// A layer as a blob of the store, in the form in which it came.
    ///
    /// # Errors
    /// When the blob can't be read, or is not what its descriptor says.
    pub fn blob(&self, index: usize, store: &Store) -> Result<Descriptor, ExecuteError> {
        match &self.origin {
            Origin::Layout(source) => {
                let descriptor = &source.manifest().layers[index];
                if !store.has_blob(&descriptor.digest)? {
                    let failed = |source| ExecuteError::Base {
                        image: self.name.clone(),
                        index,
                        source,
                    };
                    let mut writer = store.blob_writer()?;
                    std::io::copy(&mut source.open_layer(index)?, &mut writer).map_err(failed)?;
                    writer.flush().map_err(failed)?;
                    writer.finish_expecting(&descriptor.digest, descriptor.size)?;
                    self.prove(index, &mut source.open_layer(index)?)?;
                    self.note_blob(index, descriptor, store)?;
                }
                Ok(descriptor.clone())
            }
            Origin::Store { source, .. } => {
                let missing = || ExecuteError::BlobGone {
                    image: self.name.clone(),
                    index,
                };
                if let Some(descriptor) = self.stored(index, store)? {
                    return Ok(descriptor);
                }
                let pulled = source.as_ref().ok_or_else(missing)?;
                self.fetch(pulled, index, store)
            }
        }
    }
}

/// A lock for each layer.
fn locks(config: &ImageConfig) -> Vec<Mutex<()>> {
    config.rootfs.diff_ids.iter().map(|_| Mutex::new(())).collect()
}

/// Fewer digits of an image's ID may be anything.
const FEWEST_DIGITS: usize = 4;
/// An image config is small; this much of one is read at most.
const LARGEST_CONFIG: u64 = 4 << 20;
/// Before the media type of a layer that was not compressed here, among the names of compressions.
pub const AS_IT_CAME: &str = "as it came: ";

/// The media type of a layer that was compressed here, by the name of its compression.
fn compressed_here(form: &str) -> Option<String> {
    let form = match form.split_once('-')?.0 {
        "gzip" => LayerForm::Gzip,
        "zstd" => LayerForm::Zstd,
        _ => return None,
    };
    Some(Family::Oci.layer(form).to_owned())
}

/// A writer for a draft's tree.
pub(super) fn writer(draft: &crate::store::Draft, host: &Host) -> Result<DeltaWriter, ExecuteError> {
    let tree = draft
        .tree_fd()
        .try_clone_to_owned()
        .map_err(|source| ExecuteError::File {
            action: "open",
            path: draft.tree().to_path_buf(),
            source,
        })?;
    Ok(DeltaWriter::new(tree, *host))
}
