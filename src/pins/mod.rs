//! Keeps the digests that a build is bound to, and the file that says them.
//!
//! Enter by [`Pins::parse`], and by [`Ledger`], which whoever reaches out asks first: it knows whether a build may use
//! whatever it finds, only what is pinned, or notes what it finds.
//!
//! Invariant: this room touches no file and no server; what is written depends on the pins alone.

mod file;
mod ledger;

pub use file::PinsError;
pub use ledger::{Ledger, Unpinned};

use crate::digest::BlobDigest;
use std::collections::BTreeMap;

/// Everything external that a build uses, by its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins {
    /// Images by their names in full, with a tag.
    pub images: BTreeMap<String, PinnedImage>,
    /// Pages by their addresses, without what is secret in them.
    pub pages: BTreeMap<String, BlobDigest>,
    /// Commits by repository and ref, as in `https://host/name.git#main`.
    pub commits: BTreeMap<String, PinnedCommit>,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedImage {
    /// The index, or the manifest of an image for one platform.
    pub digest: BlobDigest,
    /// The manifests for platforms.
    pub platforms: BTreeMap<String, BlobDigest>,
}

/// What a ref leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedCommit {
    /// The commit's id.
    pub commit: String,
    /// The annotated tag's id, if one names the commit.
    pub tag: Option<String>,
    /// The ref in full.
    pub reference: Option<String>,
}

impl Pins {
    /// What other pins say that these do not, or otherwise, each in a line.
    pub fn changes(&self, new: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        for (name, image) in &new.images {
            match self.images.get(name) {
                None => changes.push(format!("{name} is not locked")),
                Some(old) if old.digest != image.digest => {
                    changes.push(format!("{name} was {} and is {}", old.digest, image.digest));
                }
                Some(old) => {
                    for (platform, digest) in &image.platforms {
                        match old.platforms.get(platform) {
                            Some(old) if old == digest => {}
                            Some(old) => changes.push(format!("{name} for {platform} was {old} and is {digest}")),
                            None => changes.push(format!("{name} is not locked for {platform}")),
                        }
                    }
                }
            }
        }
        let mut others = |name: &str, old: Option<&str>, new: &str| match old {
            None => changes.push(format!("{name} is not locked")),
            Some(old) if old != new => changes.push(format!("{name} was {old} and is {new}")),
            Some(_) => {}
        };
        for (name, digest) in &new.pages {
            let old = self.pages.get(name).map(ToString::to_string);
            others(name, old.as_deref(), &digest.to_string());
        }
        for (name, commit) in &new.commits {
            let old = self.commits.get(name).map(|old| old.commit.as_str());
            others(name, old, &commit.commit);
        }
        let dropped = |name: &&String| {
            !new.images.contains_key(*name) && !new.pages.contains_key(*name) && !new.commits.contains_key(*name)
        };
        let names = self.images.keys().chain(self.pages.keys()).chain(self.commits.keys());
        changes.extend(names.filter(dropped).map(|name| format!("{name} is not needed")));
        changes
    }
}
