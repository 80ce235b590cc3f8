//! Deltas that are known and not here: what a step left on another machine.

use super::{Store, StoreError};
use crate::digest::{BlobDigest, ContentId, DiffId};
use serde::{Deserialize, Serialize};

/// The kind of memo that knows where the layer of a delta can be had.
const ELSEWHERE: &str = "delta elsewhere 1";

/// A delta that somebody else has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// Who told of it, in the words of whoever noted it.
    pub place: String,
    /// Its layer there; `None` when only the delta's name is known.
    pub layer: Option<FarLayer>,
}

/// The layer of a delta, as a blob that is somewhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarLayer {
    /// The digest of its tar.
    pub diff_id: DiffId,
    /// The tar's size in bytes, where it is known.
    pub tar_size: Option<u64>,
    /// The name of its compression, as in [`Store::blob_of`].
    pub compression: String,
    /// Its media type.
    pub media_type: String,
    /// Its digest as it travels.
    pub digest: BlobDigest,
    /// Its size as it travels, in bytes.
    pub size: u64,
}

impl Store {
    /// Whether a delta is here, or somebody is known who has it.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn knows_delta(&self, content: &ContentId) -> Result<Known, StoreError> {
        if self.has_delta(content)? {
            return Ok(Known::Here);
        }
        Ok(match self.elsewhere(content)? {
            Some(_) => Known::Elsewhere,
            None => Known::Not,
        })
    }

    /// Who has a delta that need not be here.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn elsewhere(&self, content: &ContentId) -> Result<Option<Elsewhere>, StoreError> {
        let value = self.memo(ELSEWHERE, content.as_bytes())?;
        // What can't be read was written by another version, and is not known.
        Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
    }

    /// Remembers who has a delta.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn put_elsewhere(&self, content: &ContentId, elsewhere: &Elsewhere) -> Result<(), StoreError> {
        let value = serde_json::to_vec(elsewhere).unwrap_or_default();
        self.put_memo(ELSEWHERE, content.as_bytes(), &value)
    }

    /// Forgets who has a delta: they do not.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn forget_elsewhere(&self, content: &ContentId) -> Result<(), StoreError> {
        self.write(|records| {
            records.change(
                "forget who has a delta",
                "DELETE FROM memos WHERE kind = ?1 AND key = ?2",
                (ELSEWHERE, content.as_bytes()),
            )
        })
    }
}

/// How much is known of a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The store has it.
    Here,
    /// Somebody else has it.
    Elsewhere,
    /// Nothing.
    Not,
}

impl Store {
    /// Whether a layer's blob is here and was found to hold the layer.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn recorded_as(&self, layer: &FarLayer) -> Result<bool, StoreError> {
        let known = self.blob_of(&layer.diff_id, &layer.compression)?;
        Ok(known == Some((layer.digest, layer.size)))
    }
}
