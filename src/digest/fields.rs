//! Hashing: values made of fields, file contents, and sha256 for OCI.

use super::{BlobDigest, ContentId, DiffId, FileDigest, StepKey, TreeId};
use sha2::Digest as _;
use std::io;

/// Hashes a value made of fields, so that no two different values give the same bytes.
///
/// Each field is written as its length (8 bytes, little endian) and its bytes, under a context string that names
/// the purpose and the format version.
#[derive(Debug, Clone)]
pub struct Fields {
    hasher: blake3::Hasher,
    /// Bytes that the hasher has not had: it takes many at once several times faster than many times a few.
    pending: Vec<u8>,
}

/// As many pending bytes as are hashed side by side (16 chunks of blake3 with the widest registers), twice.
const PENDING: usize = 32 << 10;

impl Fields {
    /// Starts a value; `context` names the purpose and the version of the format, for example `varve 2026 step key v1`.
    pub fn new(context: &str) -> Self {
        Self {
            hasher: blake3::Hasher::new_derive_key(context),
            pending: Vec::new(),
        }
    }

    /// Adds a field of bytes.
    pub fn bytes(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.number(bytes.len() as u64);
        self.put(bytes);
        self
    }

    /// Adds a number; also the way to write a count before the members of a list.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.put(&number.to_le_bytes());
        self
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.pending.len() + bytes.len() > PENDING {
            self.hasher.update(&self.pending);
            self.pending.clear();
        }
        if bytes.len() > PENDING {
            self.hasher.update(bytes);
        } else {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Adds a list: its length, then each member.
    pub fn list<T: AsRef<[u8]>>(&mut self, members: impl ExactSizeIterator<Item = T>) -> &mut Self {
        self.number(members.len() as u64);
        for member in members {
            self.bytes(member);
        }
        self
    }

    /// Adds bytes or their absence.
    pub fn optional(&mut self, bytes: Option<impl AsRef<[u8]>>) -> &mut Self {
        match bytes {
            None => self.number(0),
            Some(bytes) => self.number(1).bytes(bytes),
        }
    }

    fn finish(&self) -> [u8; 32] {
        let mut hasher = self.hasher.clone();
        *hasher.update(&self.pending).finalize().as_bytes()
    }

    /// The fields as the name of a delta.
    pub fn content_id(&self) -> ContentId {
        ContentId::from_bytes(self.finish())
    }

    /// The fields as the name of a root file system.
    pub fn tree_id(&self) -> TreeId {
        TreeId::from_bytes(self.finish())
    }

    /// The fields as the key of a step.
    pub fn step_key(&self) -> StepKey {
        StepKey::from_bytes(self.finish())
    }

    /// The fields as the name of a piece of content that is not one file, such as what a COPY selects.
    pub fn file_digest(&self) -> FileDigest {
        FileDigest::from_bytes(self.finish())
    }
}

/// Names a file's content (plain blake3); write the bytes, then call [`FileHasher::finish`].
#[derive(Debug, Clone, Default)]
pub struct FileHasher(blake3::Hasher);

impl FileHasher {
    /// Starts with no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The name of a content that is in memory.
    pub fn of(bytes: &[u8]) -> FileDigest {
        FileDigest::from_bytes(*blake3::hash(bytes).as_bytes())
    }

    /// Adds bytes, on all cores when there are many (worth it from 128 KiB on).
    pub fn update_parallel(&mut self, bytes: &[u8]) {
        self.0.update_rayon(bytes);
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The name of all bytes so far.
    pub fn finish(&self) -> FileDigest {
        FileDigest::from_bytes(*self.0.finalize().as_bytes())
    }
}

impl io::Write for FileHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// sha256 while writing, for blobs and diff IDs.
#[derive(Debug, Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// Starts with no bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The digest of a blob that is in memory.
    pub fn of(bytes: &[u8]) -> BlobDigest {
        BlobDigest::from_bytes(sha2::Sha256::digest(bytes).into())
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The bytes so far as a blob's digest.
    pub fn blob_digest(self) -> BlobDigest {
        BlobDigest::from_bytes(self.0.finalize().into())
    }

    /// The bytes so far as a diff ID.
    pub fn diff_id(self) -> DiffId {
        DiffId::from_bytes(self.0.finalize().into())
    }
}

impl io::Write for Sha256 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_borders_are_part_of_the_value() {
        let key = |parts: &[&str]| {
            let mut fields = Fields::new("test");
            for part in parts {
                fields.bytes(part);
            }
            fields.step_key()
        };
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["", "a"]), key(&["a"]));
        assert_ne!(key(&["a", ""]), key(&["", "a"]));
    }

    #[test]
    fn contexts_separate_purposes() {
        assert_ne!(
            Fields::new("one").bytes("x").step_key(),
            Fields::new("two").bytes("x").step_key()
        );
    }

    #[test]
    fn the_encoding_is_pinned() {
        let key = Fields::new("varve test v1")
            .bytes("RUN")
            .number(7)
            .optional(None::<&str>)
            .list(["a", "b"].iter())
            .step_key();
        assert_eq!(
            key.to_string(),
            "fce554c4a2b4c28cdc0b6c0ad642f84d441b8ba42da9e2f9bb332097b7f73795"
        );
    }

    #[test]
    fn names_parse_back_and_refuse_nonsense() {
        let digest = Sha256::of(b"varve");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!(
            digest.hex().parse::<BlobDigest>().is_err(),
            "the prefix is part of the name"
        );
        assert!("sha256:xyz".parse::<BlobDigest>().is_err());
        assert!(digest.to_string().to_uppercase().parse::<BlobDigest>().is_err());
    }

    #[test]
    fn empty_tar_has_the_known_diff_id() {
        let mut hash = Sha256::new();
        hash.update(&[0; 1024]);
        assert_eq!(
            hash.diff_id().to_string(),
            "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
        );
    }
}
