//! What refers to what, and how many bytes that is.

use super::sweep::{blocks, names, share};
use super::{ImageRecord, Records, Share, Store, StoreError, TopRecord};
use crate::digest::{BlobDigest, ContentId, DiffId};
use rustix::fs::{AtFlags, statat};
use std::collections::{HashMap, HashSet};

/// Deltas and blobs that something refers to.
pub(super) type Wanted = (HashSet<ContentId>, HashSet<BlobDigest>);

/// Who needs the deltas and blobs of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Images, and the bytes that they refer to. Steps may refer to the same.
    pub images: Share,
    /// Of these, images with a name.
    pub named: Share,
    /// Steps, and the bytes of deltas and blobs that no image refers to.
    pub cache: Share,
}

impl Store {
    /// Who needs what. Looks at every file, as [`Store::usage`] does.
    pub fn account(&self) -> Result<Account, StoreError> {
        let (deltas, blobs) = (self.deltas()?, self.blobs()?);
        let all = deltas.values().chain(blobs.values()).sum::<u64>();
        let bytes = |wanted: &Wanted| {
            let of_deltas = deltas.iter().filter(|(content, _)| wanted.0.contains(*content));
            let of_blobs = blobs.iter().filter(|(digest, _)| wanted.1.contains(*digest));
            of_deltas.map(|it| it.1).chain(of_blobs.map(|it| it.1)).sum::<u64>()
        };
        self.read(|records| {
            let images = records.images()?;
            let every: Vec<&ImageRecord> = images.iter().map(|(image, _)| image).collect();
            // An image for another machine has the name of the index that leads to it.
            let led_to = records.led_to()?;
            let named: Vec<&ImageRecord> = images
                .iter()
                .filter(|(image, names)| !names.is_empty() || led_to.contains(&image.id))
                .map(|(image, _)| image)
                .collect();
            let share = |images: &[&ImageRecord]| -> Result<Share, StoreError> {
                Ok(Share {
                    count: images.len() as u64,
                    bytes: bytes(&records.wanted_by(images)?),
                })
            };
            let (every, named) = (share(&every)?, share(&named)?);
            let steps: Option<i64> =
                records.find("count the steps", "SELECT count(*) FROM steps", [], |row| row.get(0))?;
            Ok(Account {
                images: every,
                named,
                cache: Share {
                    count: steps.and_then(|it| u64::try_from(it).ok()).unwrap_or_default(),
                    bytes: all.saturating_sub(every.bytes),
                },
            })
        })
    }

    /// All deltas, with their bytes on disk.
    pub(super) fn deltas(&self) -> Result<HashMap<ContentId, u64>, StoreError> {
        let root = self.root();
        let mut deltas = HashMap::new();
        for (name, _) in names(root, "deltas/v1")? {
            if let Ok(content) = name.parse() {
                deltas.insert(content, share(root, &format!("deltas/v1/{name}"))?.bytes);
            }
        }
        Ok(deltas)
    }

    /// All blobs, with their bytes on disk.
    pub(super) fn blobs(&self) -> Result<HashMap<BlobDigest, u64>, StoreError> {
        let root = self.root();
        let mut blobs = HashMap::new();
        for (name, _) in names(root, "blobs/sha256")? {
            let found = statat(&root.fd, format!("blobs/sha256/{name}"), AtFlags::SYMLINK_NOFOLLOW);
            if let (Ok(digest), Ok(found)) = (format!("sha256:{name}").parse(), found) {
                blobs.insert(digest, blocks(&found));
            }
        }
        Ok(blobs)
    }
}

impl Records<'_> {
    /// Everything that steps, imports and images refer to.
    pub(super) fn wanted(&self) -> Result<Wanted, StoreError> {
        let content = |row: &rusqlite::Row<'_>| Ok(ContentId::from_bytes(row.get(0)?));
        let diff_id = |row: &rusqlite::Row<'_>| Ok(DiffId::from_bytes(row.get(0)?));
        let mut contents: HashSet<ContentId> = HashSet::new();
        contents.extend(self.all("list the steps", "SELECT DISTINCT content FROM steps", [], content)?);
        contents.extend(self.all("list the imports", "SELECT content FROM imports", [], content)?);
        let diff_ids: HashSet<DiffId> = self
            .all("list the imports", "SELECT diff_id FROM imports", [], diff_id)?
            .into_iter()
            .collect();
        let images = self.images()?;
        let images: Vec<&ImageRecord> = images.iter().map(|(image, _)| image).collect();
        let (contents, mut blobs) = self.followed(contents, diff_ids, &images)?;
        blobs.extend(self.blobs_of_tops(|_| true)?);
        Ok((contents, blobs))
    }

    /// Everything that some images refer to, and what leads to them.
    fn wanted_by(&self, images: &[&ImageRecord]) -> Result<Wanted, StoreError> {
        let (contents, mut blobs) = self.followed(HashSet::new(), HashSet::new(), images)?;
        let ids: HashSet<BlobDigest> = images.iter().map(|image| image.id).collect();
        blobs.extend(self.blobs_of_tops(|top| top.images.iter().any(|id| ids.contains(id)))?);
        Ok((contents, blobs))
    }

    fn blobs_of_tops(&self, wanted: impl Fn(&TopRecord) -> bool) -> Result<Vec<BlobDigest>, StoreError> {
        let tops = self.tops()?.into_iter().filter(wanted);
        Ok(tops.flat_map(|top| top.blobs.into_iter().chain([top.digest])).collect())
    }

    /// Adds what images refer to, and the blobs that all these layers are known as.
    fn followed(
        &self,
        mut contents: HashSet<ContentId>,
        mut diff_ids: HashSet<DiffId>,
        images: &[&ImageRecord],
    ) -> Result<Wanted, StoreError> {
        let mut blobs = HashSet::new();
        for image in images {
            blobs.insert(image.id);
            blobs.extend(image.manifest);
            for layer in &image.layers {
                contents.extend(layer.content);
                contents.extend(self.content_of(&layer.diff_id)?);
                diff_ids.insert(layer.diff_id);
            }
        }
        for (content, diff_id) in self.all("list the layers", "SELECT content, diff_id FROM layers", [], |row| {
            Ok((ContentId::from_bytes(row.get(0)?), DiffId::from_bytes(row.get(1)?)))
        })? {
            if contents.contains(&content) {
                diff_ids.insert(diff_id);
            }
        }
        for (diff_id, blob) in self.all("list the blobs", "SELECT diff_id, digest FROM blobs", [], |row| {
            Ok((DiffId::from_bytes(row.get(0)?), BlobDigest::from_bytes(row.get(1)?)))
        })? {
            if diff_ids.contains(&diff_id) {
                blobs.insert(blob);
            }
        }
        Ok((contents, blobs))
    }
}
