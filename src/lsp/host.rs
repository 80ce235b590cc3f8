//! What only the machine knows.

use crate::lint::{Options, Selection};
use std::path::Path;

/// Knows what is outside of the open files.
pub trait Host {
    /// What holds for the Dockerfile at `path`, or for one that was never saved; `directory` is the first folder that
    /// the editor has open.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings, for a person. The file is then looked at with the usual ones.
    fn rules(&mut self, path: Option<&Path>, directory: Option<&Path>) -> Result<Rules, String>;

    /// Says that settings may have changed since they were asked for.
    fn forget(&mut self);

    /// What is in a directory of the context of the Dockerfile at `path`, a few hundred entries at most. `directory`
    /// is relative to the context and must not lead out of it.
    fn entries(&mut self, path: &Path, directory: &str) -> Vec<Entry>;

    /// What is known of an image by its name as a FROM has it, such as `debian:12`.
    fn image(&mut self, name: &str) -> Option<Image>;
}

/// Which rules look at a file, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Which of them, and how much they matter.
    pub selection: Selection,
    /// What they are told.
    pub options: Options,
    /// Whether comments silence nothing.
    pub ignore_comments: bool,
}

/// A file or directory of a context.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name, without the directory.
    pub name: String,
    /// Whether there may be more below it.
    pub is_directory: bool,
}

/// What is known of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Its id: `sha256:…`.
    pub id: String,
    /// What it was made for: `linux/amd64`.
    pub platform: String,
    /// When it was made, as RFC 3339 has it.
    pub created: Option<String>,
    /// Bytes of all its layers, uncompressed.
    pub size: u64,
    /// The lowest first.
    pub layers: Vec<ImageLayer>,
    /// Its environment variables.
    pub environment: Vec<(String, String)>,
    /// Its user, as written.
    pub user: String,
    /// Its working directory.
    pub working_directory: String,
}

/// One layer of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageLayer {
    /// What made it, as the image tells it.
    pub made_by: String,
    /// Bytes, uncompressed, when they are known.
    pub size: Option<u64>,
}
