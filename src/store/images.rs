//! Images that were built here, and their names.

use super::records::{size, whole};
use super::{Records, Store, StoreError, TopRecord};
use crate::digest::{BlobDigest, ContentId, DiffId};
use crate::layer::Time;
use rusqlite::Row;
use serde::{Deserialize, Serialize};

/// An image of the local image store: its config is a blob, its layers are deltas or blobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// The digest of its config, which is a blob of the store.
    pub id: BlobDigest,
    /// The digest of a manifest, if one was ever made.
    pub manifest: Option<BlobDigest>,
    /// Lowest first.
    pub layers: Vec<ImageLayer>,
    /// When it was built.
    pub created: Time,
    /// Bytes of all its layers, uncompressed.
    pub size: u64,
}

/// One layer of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLayer {
    /// The digest of its tar.
    pub diff_id: DiffId,
    /// The delta that holds it; `None` while a base layer exists only as a blob.
    pub content: Option<ContentId>,
}

impl Records<'_> {
    /// An image by its id.
    pub fn image(&self, id: &BlobDigest) -> Result<Option<ImageRecord>, StoreError> {
        self.find(
            "look up an image",
            "SELECT id, manifest, layers, created_s, created_ns, size FROM images WHERE id = ?1",
            [id.as_bytes()],
            image,
        )
    }

    /// The image that has a name, such as `docker.io/library/app:v1`; the caller spells names in full.
    pub fn image_named(&self, name: &str) -> Result<Option<ImageRecord>, StoreError> {
        self.find(
            "look up an image",
            "SELECT id, manifest, layers, created_s, created_ns, size FROM names JOIN images ON image = id WHERE name = ?1",
            [name],
            image,
        )
    }

    /// Images whose id begins with these hexadecimal digits, at most `limit`.
    pub fn images_by_prefix(&self, digits: &str, limit: usize) -> Result<Vec<ImageRecord>, StoreError> {
        if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        self.all(
            "look up images",
            "SELECT id, manifest, layers, created_s, created_ns, size FROM images \
             WHERE substr(hex(id), 1, length(?1)) = upper(?1) LIMIT ?2",
            (digits, whole(limit as u64)),
            image,
        )
    }

    /// All images with their names, the newest first.
    pub fn images(&self) -> Result<Vec<(ImageRecord, Vec<String>)>, StoreError> {
        let images = self.all(
            "list the images",
            "SELECT id, manifest, layers, created_s, created_ns, size FROM images \
             ORDER BY created_s DESC, created_ns DESC, id",
            [],
            image,
        )?;
        images
            .into_iter()
            .map(|record| {
                let names = self.names_of(&record.id)?;
                Ok((record, names))
            })
            .collect()
    }

    /// The names of an image, sorted.
    pub fn names_of(&self, id: &BlobDigest) -> Result<Vec<String>, StoreError> {
        self.all(
            "list the names of an image",
            "SELECT name FROM names WHERE image = ?1 ORDER BY name",
            [id.as_bytes()],
            |row| row.get(0),
        )
    }

    /// Remembers an image and gives it these names, which other images lose.
    pub fn put_image(&self, record: &ImageRecord, names: &[String]) -> Result<(), StoreError> {
        self.change(
            "record an image",
            "INSERT INTO images (id, manifest, layers, created_s, created_ns, size) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (id) DO UPDATE SET manifest = coalesce(excluded.manifest, manifest), layers = excluded.layers, \
             created_s = excluded.created_s, created_ns = excluded.created_ns, size = excluded.size",
            (
                record.id.as_bytes(),
                record.manifest.as_ref().map(BlobDigest::as_bytes),
                serde_json::to_string(&record.layers).unwrap_or_default(),
                record.created.seconds,
                record.created.nanoseconds,
                whole(record.size),
            ),
        )?;
        for name in names {
            self.put_name(name, &record.id)?;
        }
        Ok(())
    }

    /// Gives an image a name, which another one may lose, and with it what the name led to.
    pub fn put_name(&self, name: &str, id: &BlobDigest) -> Result<(), StoreError> {
        self.change(
            "name an image",
            "INSERT OR REPLACE INTO names (name, image) VALUES (?1, ?2)",
            (name, id.as_bytes()),
        )
    }

    /// Takes a name away, and says which image had it.
    pub fn remove_name(&self, name: &str) -> Result<Option<BlobDigest>, StoreError> {
        self.find(
            "remove the name of an image",
            "DELETE FROM names WHERE name = ?1 RETURNING image",
            [name],
            |row| Ok(BlobDigest::from_bytes(row.get(0)?)),
        )
    }

    /// Forgets an image and its names. Its bytes stay until a prune finds that nobody needs them.
    pub fn remove_image(&self, id: &BlobDigest) -> Result<(), StoreError> {
        self.change(
            "remove the names of an image",
            "DELETE FROM names WHERE image = ?1",
            [id.as_bytes()],
        )?;
        self.change("remove an image", "DELETE FROM images WHERE id = ?1", [id.as_bytes()])
    }
}

impl Store {
    /// See [`Records::top_of`].
    pub fn top_of(&self, name: &str) -> Result<Option<TopRecord>, StoreError> {
        self.database().read_one(|records| records.top_of(name))
    }

    /// See [`Records::image`].
    pub fn image(&self, id: &BlobDigest) -> Result<Option<ImageRecord>, StoreError> {
        self.database().read_one(|records| records.image(id))
    }

    /// See [`Records::image_named`].
    pub fn image_named(&self, name: &str) -> Result<Option<ImageRecord>, StoreError> {
        self.database().read_one(|records| records.image_named(name))
    }

    /// See [`Records::images`].
    pub fn images(&self) -> Result<Vec<(ImageRecord, Vec<String>)>, StoreError> {
        self.read(|records| records.images())
    }

    /// See [`Records::put_image`].
    pub fn put_image(&self, record: &ImageRecord, names: &[String]) -> Result<(), StoreError> {
        self.write(|records| records.put_image(record, names))
    }

    /// See [`Records::remove_name`].
    pub fn remove_name(&self, name: &str) -> Result<Option<BlobDigest>, StoreError> {
        self.write(|records| records.remove_name(name))
    }

    /// See [`Records::remove_image`].
    pub fn remove_image(&self, id: &BlobDigest) -> Result<(), StoreError> {
        self.write(|records| records.remove_image(id))
    }
}

fn image(row: &Row<'_>) -> rusqlite::Result<ImageRecord> {
    let manifest: Option<[u8; 32]> = row.get(1)?;
    let layers: String = row.get(2)?;
    Ok(ImageRecord {
        id: BlobDigest::from_bytes(row.get(0)?),
        manifest: manifest.map(BlobDigest::from_bytes),
        layers: serde_json::from_str(&layers).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(error))
        })?,
        created: Time {
            seconds: row.get(3)?,
            nanoseconds: row.get(4)?,
        },
        size: size(row.get(5)?),
    })
}
