//! The settings that stand, for who asks about one file after another.

use super::configuration::Configuration;
use crate::cli::failure::Failure;
use crate::lint::config::Settings;
use crate::lint::{Options, Selection};
use std::path::Path;

/// The settings that stand: those of the environment and of files.
#[derive(Debug)]
pub(in crate::cli) struct Standing(Configuration);

/// What holds for one file.
#[derive(Debug)]
pub(in crate::cli) struct Rules {
    pub(in crate::cli) selection: Selection,
    pub(in crate::cli) options: Options,
    /// Whether comments silence nothing.
    pub(in crate::cli) ignore_comments: bool,
}

impl Standing {
    /// Reads the environment, and hadolint's own file, which is looked for `here` first.
    pub(in crate::cli) fn read(here: &Path) -> Result<Self, Failure> {
        Configuration::new(Settings::default(), None, here, false).map(Self)
    }

    /// What holds for the file at `path`, which is absolute. It need not be there.
    pub(in crate::cli) fn of(&mut self, path: &Path) -> Result<Rules, Failure> {
        let holding = self.0.holding(path.parent().unwrap_or(path))?;
        Ok(Rules {
            selection: holding.selection(path),
            options: holding.settings.options(),
            ignore_comments: holding.settings.disable_ignore_pragma == Some(true),
        })
    }
}
