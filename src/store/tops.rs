//! Documents that names lead to: indexes of several images, and manifests that say more than an image's config does.

use super::{Records, StoreError};
use crate::digest::BlobDigest;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashSet;

/// What a name leads to, where that is not an image alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopRecord {
    /// The digest of the index or the manifest, which is a blob of the store.
    pub digest: BlobDigest,
    /// The IDs of its images, in its order.
    pub images: Vec<BlobDigest>,
    /// Everything that it names, down to the layers as they travel.
    pub blobs: Vec<BlobDigest>,
}

impl TopRecord {
    /// Whether it joins several images.
    pub fn joins(&self) -> bool {
        self.images.len() > 1
    }
}

const FIELDS: &str = "digest, images, blobs";

impl Records<'_> {
    /// What a name leads to, if that is more than an image.
    pub fn top_of(&self, name: &str) -> Result<Option<TopRecord>, StoreError> {
        let sql = format!("SELECT {FIELDS} FROM names JOIN tops ON top = digest WHERE name = ?1");
        self.find("look up what a name leads to", &sql, [name], top)
    }

    /// A document by its digest.
    pub fn top(&self, digest: &BlobDigest) -> Result<Option<TopRecord>, StoreError> {
        let sql = format!("SELECT {FIELDS} FROM tops WHERE digest = ?1");
        self.find("look up what a name leads to", &sql, [digest.as_bytes()], top)
    }

    /// All of them.
    pub fn tops(&self) -> Result<Vec<TopRecord>, StoreError> {
        let sql = format!("SELECT {FIELDS} FROM tops ORDER BY digest");
        self.all("list what names lead to", &sql, [], top)
    }

    /// The images that names lead to by way of an index.
    pub fn led_to(&self) -> Result<HashSet<BlobDigest>, StoreError> {
        let sql = format!("SELECT {FIELDS} FROM tops WHERE digest IN (SELECT top FROM names WHERE top IS NOT NULL)");
        let tops = self.all("list what names lead to", &sql, [], top)?;
        Ok(tops.into_iter().flat_map(|top| top.images).collect())
    }

    /// The names that lead to a document, sorted.
    pub fn names_of_top(&self, digest: &BlobDigest) -> Result<Vec<String>, StoreError> {
        self.all(
            "list the names of an index",
            "SELECT name FROM names WHERE top = ?1 ORDER BY name",
            [digest.as_bytes()],
            |row| row.get(0),
        )
    }

    /// Remembers a document.
    pub fn put_top(&self, top: &TopRecord) -> Result<(), StoreError> {
        self.change(
            "record what a name leads to",
            "INSERT OR REPLACE INTO tops (digest, images, blobs) VALUES (?1, ?2, ?3)",
            (top.digest.as_bytes(), text(&top.images), text(&top.blobs)),
        )
    }

    /// Has a name lead to a document, and to an image of it where one image is wanted.
    pub fn put_name_of_top(&self, name: &str, image: &BlobDigest, top: &BlobDigest) -> Result<(), StoreError> {
        self.change(
            "name an image",
            "INSERT OR REPLACE INTO names (name, image, top) VALUES (?1, ?2, ?3)",
            (name, image.as_bytes(), top.as_bytes()),
        )
    }

    /// Forgets documents to which no name leads any more, and the images that had no name but theirs; gives all that is
    /// gone, documents first.
    pub fn remove_unnamed_tops(&self) -> Result<Vec<BlobDigest>, StoreError> {
        let mut gone = Vec::new();
        let mut left = HashSet::new();
        let mut loose = Vec::new();
        for top in self.tops()? {
            match self.names_of_top(&top.digest)?.is_empty() {
                true => loose.push(top),
                false => left.extend(top.images),
            }
        }
        for top in &loose {
            self.remove_top(&top.digest)?;
            gone.push(top.digest);
        }
        for id in loose.into_iter().filter(TopRecord::joins).flat_map(|top| top.images) {
            if !left.contains(&id) && !gone.contains(&id) && self.names_of(&id)?.is_empty() {
                self.remove_image(&id)?;
                gone.push(id);
            }
        }
        Ok(gone)
    }

    /// Forgets a document, and has its names lead to their images alone.
    pub fn remove_top(&self, digest: &BlobDigest) -> Result<(), StoreError> {
        let action = "remove what names lead to";
        self.change(
            action,
            "UPDATE names SET top = NULL WHERE top = ?1",
            [digest.as_bytes()],
        )?;
        self.change(action, "DELETE FROM tops WHERE digest = ?1", [digest.as_bytes()])
    }
}

fn text<T: Serialize>(list: &T) -> String {
    serde_json::to_string(list).unwrap_or_default()
}

fn top(row: &Row<'_>) -> rusqlite::Result<TopRecord> {
    Ok(TopRecord {
        digest: BlobDigest::from_bytes(row.get(0)?),
        images: list(row, 1)?,
        blobs: list(row, 2)?,
    })
}

fn list<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
