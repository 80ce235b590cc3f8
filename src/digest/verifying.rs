//! A reader that says end only after it has checked what it read.

use super::{BlobDigest, Sha256};
use std::io::{self, Read};

/// Why bytes are not the blob that they claim to be. Travels inside an [`io::Error`] of kind `InvalidData`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTheBlob {
    /// Fewer or more bytes than promised.
    #[error("`{digest}` should have {expected} bytes, but has {}{found}", if *.found > *.expected { "at least " } else { "" })]
    Size {
        /// Which blob.
        digest: BlobDigest,
        /// Bytes promised.
        expected: u64,
        /// Bytes seen.
        found: u64,
    },
    /// The right number of bytes with another content.
    #[error("the bytes of `{expected}` have the digest `{found}`")]
    Digest {
        /// Which blob.
        expected: BlobDigest,
        /// What the bytes are.
        found: BlobDigest,
    },
}

/// Reads a blob and checks its size and sha256 before it reports the end.
///
/// A reader that stops early has checked nothing; [`Verifying::check`] reads what is left.
#[derive(Debug)]
pub struct Verifying<R> {
    inner: R,
    digest: BlobDigest,
    size: u64,
    seen: u64,
    hash: Option<Sha256>,
    verdict: Option<NotTheBlob>,
}

impl<R: Read> Verifying<R> {
    /// Wraps `inner`, which should give the `size` bytes called `digest`.
    pub fn new(inner: R, digest: BlobDigest, size: u64) -> Self {
        Self {
            inner,
            digest,
            size,
            seen: 0,
            hash: Some(Sha256::new()),
            verdict: None,
        }
    }

    /// Which blob.
    pub fn digest(&self) -> &BlobDigest {
        &self.digest
    }

    /// Bytes promised.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Why the blob was refused, once a read has failed for that.
    pub fn verdict(&self) -> Option<&NotTheBlob> {
        self.verdict.as_ref()
    }

    /// Reads what is left, in steps of bounded size, and checks it.
    pub fn check(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(drop)
    }

    fn refuse(&mut self, why: NotTheBlob) -> io::Error {
        self.hash = None;
        self.verdict = Some(why.clone());
        io::Error::new(io::ErrorKind::InvalidData, why)
    }
}

impl<R: Read> Read for Verifying<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(why) = &self.verdict {
            return Err(io::Error::new(io::ErrorKind::InvalidData, why.clone()));
        }
        if buffer.is_empty() || self.hash.is_none() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        self.seen += count as u64;
        if self.seen > self.size || (count == 0 && self.seen < self.size) {
            let (digest, expected, found) = (self.digest, self.size, self.seen);
            return Err(self.refuse(NotTheBlob::Size {
                digest,
                expected,
                found,
            }));
        }
        if count > 0 {
            if let Some(hash) = &mut self.hash {
                hash.update(&buffer[..count]);
            }
        } else if let Some(hash) = self.hash.take() {
            let found = hash.blob_digest();
            if found != self.digest {
                let expected = self.digest;
                return Err(self.refuse(NotTheBlob::Digest { expected, found }));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], digest: BlobDigest, size: u64) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let mut reader = Verifying::new(bytes, digest, size);
        match reader.read_to_end(&mut out) {
            Ok(_) => Ok(out),
            Err(error) => {
                assert_eq!(reader.verdict().map(ToString::to_string), Some(error.to_string()));
                assert!(reader.read(&mut [0]).is_err(), "a refused blob never ends well");
                Err(error.to_string())
            }
        }
    }

    #[test]
    fn says_end_only_for_the_right_bytes() {
        let digest = Sha256::of(b"varve");
        assert_eq!(read(b"varve", digest, 5), Ok(b"varve".to_vec()));
        assert!(
            read(b"varv", digest, 5)
                .unwrap_err()
                .ends_with("should have 5 bytes, but has 4")
        );
        assert!(read(b"varves", digest, 5).unwrap_err().ends_with("but has at least 6"));
        assert!(read(b"verve", digest, 5).unwrap_err().contains("have the digest"));
        assert_eq!(read(b"", Sha256::of(b""), 0), Ok(Vec::new()));
    }
}
