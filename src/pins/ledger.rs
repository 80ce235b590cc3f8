//! What a build may reach out for, and what it did.

use super::{PinnedCommit, PinnedImage, Pins};
use crate::digest::BlobDigest;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Asked before anything external is used.
#[derive(Debug, Default)]
pub struct Ledger {
    rule: Rule,
    /// What is pinned.
    known: Pins,
    /// What was used.
    used: Mutex<Pins>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Rule {
    /// Everything may be used.
    #[default]
    Free,
    /// Only what is pinned.
    Bound,
    /// Everything, pinned or not, is noted.
    Noting,
}

/// Something that a bound build may not use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not locked")]
pub struct Unpinned(pub String);

impl Ledger {
    /// For a build that may use these only.
    pub fn bound(pins: Pins) -> Self {
        Self {
            rule: Rule::Bound,
            known: pins,
            used: Mutex::default(),
        }
    }

    /// For whoever wants to know what a build needs; what is pinned stays as it is.
    pub fn noting(known: Pins) -> Self {
        Self {
            rule: Rule::Noting,
            known,
            used: Mutex::default(),
        }
    }

    /// Whether only what is pinned may be used.
    pub fn is_bound(&self) -> bool {
        self.rule == Rule::Bound
    }

    /// Whether what is used is noted.
    pub fn is_noting(&self) -> bool {
        self.rule == Rule::Noting
    }

    /// What was used so far.
    pub fn noted(&self) -> Pins {
        self.used().clone()
    }

    /// The image that a name is bound to.
    ///
    /// # Errors
    /// When it may not be used.
    pub fn image(&self, name: &str) -> Result<Option<PinnedImage>, Unpinned> {
        self.found(name, self.known.images.get(name))
    }

    /// The content that an address is bound to.
    ///
    /// # Errors
    /// When it may not be used.
    pub fn page(&self, address: &str) -> Result<Option<BlobDigest>, Unpinned> {
        self.found(address, self.known.pages.get(address))
    }

    /// The commit that a ref is bound to.
    ///
    /// # Errors
    /// When it may not be used.
    pub fn commit(&self, name: &str) -> Result<Option<PinnedCommit>, Unpinned> {
        self.found(name, self.known.commits.get(name))
    }

    fn found<T: Clone>(&self, name: &str, known: Option<&T>) -> Result<Option<T>, Unpinned> {
        match (self.rule, known) {
            (Rule::Free, _) => Ok(None),
            (Rule::Bound, None) => Err(Unpinned(name.to_owned())),
            (Rule::Bound | Rule::Noting, known) => Ok(known.cloned()),
        }
    }

    /// Notes what a name led to for a platform.
    pub fn note_image(&self, name: &str, digest: BlobDigest, platform: &str, manifest: BlobDigest) {
        if self.is_noting() {
            // Other platforms stay, as long as they are of the same index.
            let known = self.known.images.get(name).filter(|known| known.digest == digest);
            let platforms = known.map(|known| known.platforms.clone()).unwrap_or_default();
            let mut used = self.used();
            let image = used
                .images
                .entry(name.to_owned())
                .or_insert(PinnedImage { digest, platforms });
            image.platforms.insert(platform.to_owned(), manifest);
        }
    }

    /// Notes what an address led to.
    pub fn note_page(&self, address: &str, digest: BlobDigest) {
        if self.is_noting() {
            self.used().pages.insert(address.to_owned(), digest);
        }
    }

    /// Notes what a ref led to.
    pub fn note_commit(&self, name: &str, commit: PinnedCommit) {
        if self.is_noting() {
            self.used().commits.insert(name.to_owned(), commit);
        }
    }

    fn used(&self) -> MutexGuard<'_, Pins> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
