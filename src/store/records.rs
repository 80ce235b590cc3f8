//! What the database remembers: steps, layers and small derived facts.

use super::clock::{nanoseconds, now};
use super::{Store, StoreError};
use crate::digest::{BlobDigest, ContentId, DiffId, StepKey};
use crate::layer::Time;
use rusqlite::{Connection, OptionalExtension, Params, Row};
use std::path::Path;
use std::time::Duration;

/// Uses closer together than this count as one; nanoseconds.
const MOMENT: i64 = 60_000_000_000;

/// What a done step left, as much as a build needs that repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepDone {
    /// The delta.
    pub content: ContentId,
    /// When it was made.
    pub created: Time,
    /// How long that took.
    pub duration: Duration,
}

/// A done step with all that can be told about it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    /// The delta.
    pub content: ContentId,
    /// When it was made.
    pub created: Time,
    /// How long that took.
    pub duration: Duration,
    /// Names the step without regard to what went into it (stage, position, instruction), so that the record of its
    /// last run can be found.
    pub place: String,
    /// What its key is made of: name and value, for telling why a key is another one.
    pub ingredients: Vec<(String, String)>,
}

/// A delta as a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerRecord {
    /// The digest of its tar.
    pub diff_id: DiffId,
    /// The tar's size in bytes.
    pub size: u64,
}

/// The records inside one transaction, or for one look-up.
#[derive(Debug)]
pub struct Records<'a> {
    connection: &'a Connection,
    root: &'a Path,
}

impl<'a> Records<'a> {
    pub(super) fn new(connection: &'a Connection, root: &'a Path) -> Self {
        Self { connection, root }
    }

    /// What the step left, if it was done. The delta itself may be gone: [`Store::has_delta`] tells.
    pub fn done(&self, key: &StepKey) -> Result<Option<StepDone>, StoreError> {
        self.find(
            "look up a step",
            "SELECT content, created_s, created_ns, duration_ns FROM steps WHERE key = ?1",
            [key.as_bytes()],
            |row| {
                Ok(StepDone {
                    content: ContentId::from_bytes(row.get(0)?),
                    created: Time {
                        seconds: row.get(1)?,
                        nanoseconds: row.get(2)?,
                    },
                    duration: duration(row.get(3)?),
                })
            },
        )
    }

    /// The whole record of a step.
    pub fn step(&self, key: &StepKey) -> Result<Option<StepRecord>, StoreError> {
        let found = self.find(
            "look up a step",
            "SELECT content, created_s, created_ns, duration_ns, place, body FROM steps LEFT JOIN ingredients USING (key) \
             WHERE key = ?1",
            [key.as_bytes()],
            record,
        )?;
        Ok(found)
    }

    /// Remembers a done step, in place of what was known under its key.
    pub fn put_step(&self, key: &StepKey, record: &StepRecord) -> Result<(), StoreError> {
        let body = serde_json::to_string(&record.ingredients).unwrap_or_default();
        self.change(
            "record a step",
            "INSERT OR REPLACE INTO steps (key, content, created_s, created_ns, duration_ns, place, used) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, max(?7, 1 + coalesce((SELECT max(used) FROM steps WHERE place = ?6), 0)))",
            (
                key.as_bytes(),
                record.content.as_bytes(),
                record.created.seconds,
                record.created.nanoseconds,
                i64::try_from(record.duration.as_nanos()).unwrap_or(i64::MAX),
                &record.place,
                nanoseconds(now()),
            ),
        )?;
        self.change(
            "record a step's ingredients",
            "INSERT OR REPLACE INTO ingredients (key, body) VALUES (?1, ?2)",
            (key.as_bytes(), body),
        )
    }

    /// The records of one place, the most recently made or used first.
    pub fn latest_steps_at(&self, place: &str, limit: usize) -> Result<Vec<(StepKey, StepRecord)>, StoreError> {
        self.all(
            "look up earlier steps",
            "SELECT content, created_s, created_ns, duration_ns, place, body, key FROM steps LEFT JOIN ingredients \
             USING (key) WHERE place = ?1 ORDER BY used DESC LIMIT ?2",
            (place, i64::try_from(limit).unwrap_or(i64::MAX)),
            |row| Ok((StepKey::from_bytes(row.get(6)?), record(row)?)),
        )
    }

    /// Notes that these steps were wanted, so that they are neither forgotten soon nor taken for old.
    ///
    /// A step that is the latest at its place and was used a moment ago is not written again: a build that is repeated
    /// all the time changes nothing.
    pub fn mark_used(&self, keys: &[StepKey]) -> Result<(), StoreError> {
        let at = nanoseconds(now());
        for key in keys {
            self.change(
                "note the use of a step",
                "UPDATE steps SET used = max(?2, used + 1) WHERE key = ?1 AND (used < ?3 \
                 OR used < (SELECT max(used) FROM steps AS others WHERE others.place = steps.place))",
                (key.as_bytes(), at, at.saturating_sub(MOMENT)),
            )?;
        }
        Ok(())
    }

    /// Forgets a step.
    pub fn forget_step(&self, key: &StepKey) -> Result<(), StoreError> {
        self.change("forget a step", "DELETE FROM steps WHERE key = ?1", [key.as_bytes()])?;
        self.change(
            "forget a step's ingredients",
            "DELETE FROM ingredients WHERE key = ?1",
            [key.as_bytes()],
        )
    }

    /// What a delta of the store is as a layer, if that was ever computed.
    pub fn layer_of(&self, content: &ContentId) -> Result<Option<LayerRecord>, StoreError> {
        self.find(
            "look up a layer",
            "SELECT diff_id, size FROM layers WHERE content = ?1",
            [content.as_bytes()],
            |row| {
                Ok(LayerRecord {
                    diff_id: DiffId::from_bytes(row.get(0)?),
                    size: size(row.get(1)?),
                })
            },
        )
    }

    /// Remembers what a delta of the store is as a layer.
    pub fn put_layer(&self, content: &ContentId, layer: &LayerRecord) -> Result<(), StoreError> {
        self.change(
            "record a layer",
            "INSERT OR REPLACE INTO layers (content, diff_id, size) VALUES (?1, ?2, ?3)",
            (content.as_bytes(), layer.diff_id.as_bytes(), whole(layer.size)),
        )
    }

    /// The delta that a layer of a base image was unpacked to.
    pub fn content_of(&self, diff_id: &DiffId) -> Result<Option<ContentId>, StoreError> {
        self.find(
            "look up an unpacked layer",
            "SELECT content FROM imports WHERE diff_id = ?1",
            [diff_id.as_bytes()],
            |row| Ok(ContentId::from_bytes(row.get(0)?)),
        )
    }

    /// Remembers which delta a layer of a base image was unpacked to. Several layers may be one delta.
    pub fn put_content_of(&self, diff_id: &DiffId, content: &ContentId) -> Result<(), StoreError> {
        self.change(
            "record an unpacked layer",
            "INSERT OR REPLACE INTO imports (diff_id, content, used) VALUES (?1, ?2, ?3)",
            (diff_id.as_bytes(), content.as_bytes(), nanoseconds(now())),
        )
    }

    /// Notes that these layers of base images were wanted.
    pub fn mark_layers_used(&self, diff_ids: &[DiffId]) -> Result<(), StoreError> {
        let at = nanoseconds(now());
        for diff_id in diff_ids {
            self.change(
                "note the use of a layer",
                "UPDATE imports SET used = ?2 WHERE diff_id = ?1 AND used < ?3",
                (diff_id.as_bytes(), at, at.saturating_sub(MOMENT)),
            )?;
        }
        Ok(())
    }

    /// The blob that a layer became under a compression, as recorded; [`Store::blob_of`] also looks whether it is there.
    pub fn recorded_blob_of(
        &self,
        diff_id: &DiffId,
        compression: &str,
    ) -> Result<Option<(BlobDigest, u64)>, StoreError> {
        self.find(
            "look up a blob",
            "SELECT digest, size FROM blobs WHERE diff_id = ?1 AND compression = ?2",
            (diff_id.as_bytes(), compression),
            |row| Ok((BlobDigest::from_bytes(row.get(0)?), size(row.get(1)?))),
        )
    }

    /// All blobs that are recorded for a layer, with the names of their compressions.
    pub fn recorded_blobs_of(&self, diff_id: &DiffId) -> Result<Vec<(String, BlobDigest, u64)>, StoreError> {
        self.all(
            "look up blobs",
            "SELECT compression, digest, size FROM blobs WHERE diff_id = ?1 ORDER BY compression",
            [diff_id.as_bytes()],
            |row| Ok((row.get(0)?, BlobDigest::from_bytes(row.get(1)?), size(row.get(2)?))),
        )
    }

    /// Remembers the blob that a layer became under a compression.
    pub fn put_blob_of(
        &self,
        diff_id: &DiffId,
        compression: &str,
        digest: &BlobDigest,
        size: u64,
    ) -> Result<(), StoreError> {
        self.change(
            "record a blob",
            "INSERT OR REPLACE INTO blobs (diff_id, compression, digest, size) VALUES (?1, ?2, ?3, ?4)",
            (diff_id.as_bytes(), compression, digest.as_bytes(), whole(size)),
        )
    }

    /// A small fact that was derived earlier. `kind` names what it is and its format's version.
    pub fn memo(&self, kind: &str, key: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.find(
            "look up a fact",
            "SELECT value FROM memos WHERE kind = ?1 AND key = ?2",
            (kind, key),
            |row| row.get(0),
        )
    }

    /// Remembers a small fact.
    pub fn put_memo(&self, kind: &str, key: &[u8; 32], value: &[u8]) -> Result<(), StoreError> {
        self.change(
            "record a fact",
            "INSERT OR REPLACE INTO memos (kind, key, value, used) VALUES (?1, ?2, ?3, ?4)",
            (kind, key, value, nanoseconds(now())),
        )
    }

    pub(super) fn find<T>(
        &self,
        action: &'static str,
        sql: &str,
        parameters: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(parameters, read).optional())
            .map_err(|source| StoreError::database(self.root, action, source))
    }

    pub(super) fn all<T>(
        &self,
        action: &'static str,
        sql: &str,
        parameters: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(parameters, read)?.collect())
            .map_err(|source| StoreError::database(self.root, action, source))
    }

    pub(super) fn change(&self, action: &'static str, sql: &str, parameters: impl Params) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(parameters))
            .map(drop)
            .map_err(|source| StoreError::database(self.root, action, source))
    }

    #[cfg(test)]
    pub(super) fn pragma(&self, name: &str) -> Result<String, StoreError> {
        self.connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .map_err(|source| StoreError::database(self.root, "read a setting", source))
    }
}

/// The same look-ups and notes, one at a time.
impl Store {
    /// See [`Records::done`].
    pub fn done(&self, key: &StepKey) -> Result<Option<StepDone>, StoreError> {
        self.database().read_one(|records| records.done(key))
    }

    /// See [`Records::step`].
    pub fn step(&self, key: &StepKey) -> Result<Option<StepRecord>, StoreError> {
        self.database().read_one(|records| records.step(key))
    }

    /// See [`Records::put_step`].
    pub fn put_step(&self, key: &StepKey, record: &StepRecord) -> Result<(), StoreError> {
        self.write(|records| records.put_step(key, record))
    }

    /// See [`Records::latest_steps_at`].
    pub fn latest_steps_at(&self, place: &str, limit: usize) -> Result<Vec<(StepKey, StepRecord)>, StoreError> {
        self.database()
            .read_one(|records| records.latest_steps_at(place, limit))
    }

    /// See [`Records::mark_used`] and [`Records::mark_layers_used`]: both in one transaction.
    pub fn mark_used(&self, keys: &[StepKey], diff_ids: &[DiffId]) -> Result<(), StoreError> {
        if keys.is_empty() && diff_ids.is_empty() {
            return Ok(());
        }
        self.write(|records| {
            records.mark_used(keys)?;
            records.mark_layers_used(diff_ids)
        })
    }

    /// See [`Records::layer_of`].
    pub fn layer_of(&self, content: &ContentId) -> Result<Option<LayerRecord>, StoreError> {
        self.database().read_one(|records| records.layer_of(content))
    }

    /// See [`Records::put_layer`].
    pub fn put_layer(&self, content: &ContentId, layer: &LayerRecord) -> Result<(), StoreError> {
        self.write(|records| records.put_layer(content, layer))
    }

    /// See [`Records::content_of`].
    pub fn content_of(&self, diff_id: &DiffId) -> Result<Option<ContentId>, StoreError> {
        self.database().read_one(|records| records.content_of(diff_id))
    }

    /// See [`Records::put_content_of`].
    pub fn put_content_of(&self, diff_id: &DiffId, content: &ContentId) -> Result<(), StoreError> {
        self.write(|records| records.put_content_of(diff_id, content))
    }

    /// The blob that a layer became under a compression, if it is still here in its full size.
    pub fn blob_of(&self, diff_id: &DiffId, compression: &str) -> Result<Option<(BlobDigest, u64)>, StoreError> {
        let recorded = self
            .database()
            .read_one(|records| records.recorded_blob_of(diff_id, compression))?;
        let Some((digest, size)) = recorded else {
            return Ok(None);
        };
        Ok((self.blob_size(&digest)? == Some(size)).then_some((digest, size)))
    }

    /// See [`Records::put_blob_of`].
    pub fn put_blob_of(
        &self,
        diff_id: &DiffId,
        compression: &str,
        digest: &BlobDigest,
        size: u64,
    ) -> Result<(), StoreError> {
        self.write(|records| records.put_blob_of(diff_id, compression, digest, size))
    }

    /// See [`Records::memo`].
    pub fn memo(&self, kind: &str, key: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        self.database().read_one(|records| records.memo(kind, key))
    }

    /// See [`Records::put_memo`].
    pub fn put_memo(&self, kind: &str, key: &[u8; 32], value: &[u8]) -> Result<(), StoreError> {
        self.write(|records| records.put_memo(kind, key, value))
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<StepRecord> {
    let body: Option<String> = row.get(5)?;
    Ok(StepRecord {
        content: ContentId::from_bytes(row.get(0)?),
        created: Time {
            seconds: row.get(1)?,
            nanoseconds: row.get(2)?,
        },
        duration: duration(row.get(3)?),
        place: row.get(4)?,
        // Testimony only: a build is right without it.
        ingredients: body
            .and_then(|body| serde_json::from_str(&body).ok())
            .unwrap_or_default(),
    })
}

fn duration(nanoseconds: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or_default())
}

pub(super) fn size(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

pub(super) fn whole(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
