//! Results in a repository of a registry.
//!
//! The tag that was named has the bundle of the build that ended last; each step that was ever exported has a tag of its
//! own. So builders that write at the same time lose nothing, and a look-up reads nothing but what it asks for.

use super::document::{INLINE, LARGEST, RECORDS, embedded, pack, unpack};
use super::{Bundle, Exchange, ExchangeError, MountSet, Place, Record, mounts};
use crate::digest::{BlobDigest, FileDigest, StepKey};
use crate::oci::{Descriptor, Manifest, Platform, Reference, media};
use crate::registry::{Parcel, Part, PartBytes, Registries, RegistryError};
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// A repository that results lie in, or an image whose config has records.
#[derive(Debug)]
pub struct RegistryExchange {
    registries: Registries,
    name: Reference,
    place: Place,
    /// Which images of an index count.
    platforms: Vec<Platform>,
    /// Layers that are known to be there.
    delivered: Mutex<BTreeSet<BlobDigest>>,
}

/// Digits of a key in the tag of its step.
const DIGITS: usize = 40;
/// Characters of the tag that was named which are in the tags of steps; a tag has 128 at most.
const MOST_OF_TAG: usize = 80;

impl RegistryExchange {
    /// The repository and tag of `name`; of an image for several platforms, those for `platforms` count.
    pub fn new(registries: &Registries, name: &Reference, platforms: &[Platform]) -> Self {
        let name = name.clone().or_latest();
        Self {
            registries: registries.clone(),
            place: Place::Registry(name.clone()),
            name,
            platforms: platforms.to_vec(),
            delivered: Mutex::default(),
        }
    }

    /// The name under which a step's record lies.
    fn name_of(&self, key: &StepKey) -> Result<Reference, ExchangeError> {
        self.name_with(&key.hex()[..DIGITS])
    }

    /// The name under which a cache mount lies.
    fn name_of_mount(&self, identity: &FileDigest) -> Result<Reference, ExchangeError> {
        self.name_with(&format!("mount-{}", &identity.hex()[..DIGITS]))
    }

    fn name_with(&self, end: &str) -> Result<Reference, ExchangeError> {
        let tag: String = self.name.tag().unwrap_or("digest").chars().take(MOST_OF_TAG).collect();
        let repository = format!("{}/{}", self.name.registry(), self.name.repository());
        let name = format!("{repository}:{tag}-{end}");
        name.parse().map_err(|_| ExchangeError::Document {
            what: name,
            why: "it is no name".to_owned(),
        })
    }

    /// A document of the kind that is wanted, and the manifest that leads to it; without a store only one that stands in
    /// the manifest.
    fn document(
        &self,
        name: &Reference,
        bytes: &[u8],
        (kind, largest): (&str, u64),
        store: Option<&Store>,
    ) -> Result<(Vec<u8>, Manifest), ExchangeError> {
        let wrong = |why: String| ExchangeError::Document {
            what: name.familiar(),
            why,
        };
        let manifest = Manifest::from_bytes(bytes).map_err(|error| wrong(error.to_string()))?;
        if manifest.config.media_type != kind {
            return Err(wrong("it is something else".to_owned()));
        }
        let document = match (embedded(&manifest), store) {
            (Some(document), _) => document,
            (None, Some(store)) if manifest.config.size <= largest => {
                self.registries.fetch(name, &manifest.config, store)?;
                store.read_blob(&manifest.config.digest, largest)?
            }
            _ => return Err(wrong("its document is too large".to_owned())),
        };
        Ok((document, manifest))
    }

    fn records(&self, name: &Reference, bytes: &[u8], store: Option<&Store>) -> Result<Bundle, ExchangeError> {
        let (records, manifest) = self.document(name, bytes, (RECORDS, LARGEST), store)?;
        unpack(&name.familiar(), &records, &manifest.layers, &[])
    }

    /// The records in the configs of an image.
    fn of_image(&self, store: &Store) -> Result<Option<Bundle>, ExchangeError> {
        let mut all = None;
        for platform in &self.platforms {
            let pulled = match self.registries.pull(&self.name, platform, store) {
                Ok(pulled) => pulled,
                // An index without this platform has nothing for it.
                Err(RegistryError::Image { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            if let Some(records) = pulled.config().other.get(INLINE) {
                let records = serde_json::to_vec(records).unwrap_or_default();
                let diff_ids = &pulled.config().rootfs.diff_ids;
                let bundle = unpack(&self.name.familiar(), &records, &pulled.manifest().layers, diff_ids)?;
                let all = all.get_or_insert_with(Bundle::default);
                all.steps.extend(bundle.steps);
                all.selections.extend(bundle.selections);
            }
        }
        Ok(all)
    }

    fn delivered(&self) -> std::sync::MutexGuard<'_, BTreeSet<BlobDigest>> {
        self.delivered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a document to a name, with what its manifest names.
    fn put(
        &self,
        name: &Reference,
        (manifest, document): (Manifest, Vec<u8>),
        bytes: &BTreeMap<BlobDigest, PartBytes>,
        store: &Store,
    ) -> Result<(), ExchangeError> {
        let mut parts = vec![Part {
            descriptor: Descriptor {
                data: None,
                ..manifest.config.clone()
            },
            bytes: PartBytes::Here(document.into()),
        }];
        let known = self.delivered().clone();
        let missing = manifest.layers.iter().filter(|layer| !known.contains(&layer.digest));
        parts.extend(missing.map(|layer| Part {
            descriptor: layer.clone(),
            bytes: bytes.get(&layer.digest).cloned().unwrap_or(PartBytes::Stored),
        }));
        let parcel = Parcel {
            media_type: media::OCI_MANIFEST.to_owned(),
            manifest: manifest.to_bytes(),
            below: Vec::new(),
            parts,
        };
        let names = std::slice::from_ref(name);
        self.registries.push(&parcel, names, false, store, &|_| ())?;
        self.delivered()
            .extend(manifest.layers.iter().map(|layer| layer.digest));
        Ok(())
    }
}

impl Exchange for RegistryExchange {
    fn place(&self) -> &Place {
        &self.place
    }

    fn bundle(&self, store: &Store) -> Result<Option<Bundle>, ExchangeError> {
        let Some(bytes) = self.registries.manifest(&self.name)? else {
            return Ok(None);
        };
        let ours = Manifest::from_bytes(&bytes).is_ok_and(|manifest| manifest.config.media_type == RECORDS);
        match ours {
            true => self.records(&self.name, &bytes, Some(store)).map(Some),
            false => self.of_image(store),
        }
    }

    fn record(&self, key: &StepKey) -> Result<Option<Record>, ExchangeError> {
        let name = self.name_of(key)?;
        match self.registries.manifest(&name)? {
            Some(bytes) => Ok(self.records(&name, &bytes, None)?.steps.remove(key)),
            None => Ok(None),
        }
    }

    fn mount(&self, identity: &FileDigest, store: &Store) -> Result<Option<MountSet>, ExchangeError> {
        let name = self.name_of_mount(identity)?;
        let Some(bytes) = self.registries.manifest(&name)? else {
            return Ok(None);
        };
        let kind = (mounts::MOUNT, mounts::LARGEST);
        let (document, manifest) = self.document(&name, &bytes, kind, Some(store))?;
        MountSet::unpack(&name.familiar(), &document, &manifest.layers).map(Some)
    }

    fn fetch(&self, blob: &Descriptor, store: &Store) -> Result<(), ExchangeError> {
        Ok(self.registries.fetch(&self.name, blob, store)?)
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
        let layers = record.layer.iter().map(|layer| (layer.digest, bytes.clone()));
        self.put(&self.name_of(key)?, pack(&bundle), &layers.collect(), store)
    }

    fn put_bundle(
        &self,
        bundle: &Bundle,
        bytes: &BTreeMap<BlobDigest, PartBytes>,
        store: &Store,
    ) -> Result<(), ExchangeError> {
        self.put(&self.name, pack(bundle), bytes, store)
    }

    fn put_mount(
        &self,
        identity: &FileDigest,
        set: &MountSet,
        before: Option<&MountSet>,
        store: &Store,
    ) -> Result<(), ExchangeError> {
        let known = before.into_iter().flat_map(MountSet::blobs).map(|blob| blob.digest);
        self.delivered().extend(known);
        self.put(&self.name_of_mount(identity)?, set.pack(), &BTreeMap::new(), store)
    }
}
