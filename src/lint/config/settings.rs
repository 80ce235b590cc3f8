//! What can be set, and how settings of several places come together.

use crate::lint::formats::Format;
use crate::lint::{LabelKind, Level, Options, Selection};
use globset::GlobMatcher;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What one place (the environment, a file, the command line) has to say. What it does not mention is left to others.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Rules that are not looked at.
    pub ignored: Vec<String>,
    /// Rules that matter more or less than usual.
    pub levels: Vec<(Level, String)>,
    /// Rules that are looked at although they are off or preview.
    pub select: Vec<String>,
    /// When there are any: no others are looked at.
    pub only: Vec<String>,
    /// Whether preview rules are looked at.
    pub preview: Option<bool>,
    /// Rules that are not looked at in some files.
    pub per_file_ignores: Vec<PerFile>,
    /// Registries that images may come from.
    pub trusted_registries: Vec<String>,
    /// Labels that are wanted.
    pub label_schema: BTreeMap<String, LabelKind>,
    /// Whether other labels are unwanted.
    pub strict_labels: Option<bool>,
    /// Whether comments silence nothing.
    pub disable_ignore_pragma: Option<bool>,
    /// The least level that makes the run fail.
    pub failure_threshold: Option<Level>,
    /// How findings are written.
    pub formats: Vec<Format>,
    /// Whether findings make the run fail at all.
    pub no_fail: Option<bool>,
    /// Whether colours are off.
    pub no_color: Option<bool>,
    /// Whether settings are told.
    pub verbose: Option<bool>,
    /// `auto`, `off`, or the path of a shellcheck.
    pub shellcheck: Option<String>,
    /// The file of findings that are known, from where the configuration is.
    pub baseline: Option<String>,
}

/// Rules that are not looked at in files of some names.
#[derive(Debug, Clone)]
pub struct PerFile {
    /// Of paths from where the configuration is.
    pub glob: GlobMatcher,
    /// The codes.
    pub codes: Vec<String>,
}

impl Settings {
    /// What these settings and `later` say together: lists add up, and of single values the later one counts.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        self.ignored.extend(later.ignored);
        self.levels.extend(later.levels);
        self.select.extend(later.select);
        self.only.extend(later.only);
        self.per_file_ignores.extend(later.per_file_ignores);
        self.trusted_registries.extend(later.trusted_registries);
        self.label_schema.extend(later.label_schema);
        self.formats.extend(later.formats);
        Self {
            preview: later.preview.or(self.preview),
            strict_labels: later.strict_labels.or(self.strict_labels),
            disable_ignore_pragma: later.disable_ignore_pragma.or(self.disable_ignore_pragma),
            failure_threshold: later.failure_threshold.or(self.failure_threshold),
            no_fail: later.no_fail.or(self.no_fail),
            no_color: later.no_color.or(self.no_color),
            verbose: later.verbose.or(self.verbose),
            shellcheck: later.shellcheck.or(self.shellcheck),
            baseline: later.baseline.or(self.baseline),
            ..self
        }
    }

    /// The rules to look at in a file. `path` is its path from where the configuration is, if it has one.
    pub fn selection(&self, path: Option<&Path>) -> Selection {
        let mut levels: BTreeMap<String, Option<Level>> = BTreeMap::new();
        for (level, code) in &self.levels {
            let worst = levels.entry(code.clone()).or_insert(Some(*level));
            *worst = (*worst).max(Some(*level));
        }
        let here = self
            .per_file_ignores
            .iter()
            .filter(|rule| path.is_some_and(|path| rule.glob.is_match(path)))
            .flat_map(|rule| &rule.codes);
        for code in self.ignored.iter().chain(here) {
            levels.insert(code.clone(), None);
        }
        Selection {
            families: Vec::new(),
            preview: self.preview.unwrap_or_default(),
            select: self.select.iter().cloned().collect(),
            only: self.only.iter().cloned().collect::<BTreeSet<_>>(),
            levels,
        }
    }

    /// What rules are told.
    pub fn options(&self) -> Options {
        Options {
            trusted_registries: self.trusted_registries.clone(),
            label_schema: self.label_schema.clone(),
            strict_labels: self.strict_labels.unwrap_or_default(),
            ..Options::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_add_up_and_later_values_count() {
        let first = Settings {
            ignored: vec!["DL3000".into()],
            levels: vec![(Level::Error, "DL4000".into())],
            no_fail: Some(true),
            failure_threshold: Some(Level::Style),
            ..Settings::default()
        };
        let later = Settings {
            ignored: vec!["SC2086".into()],
            levels: vec![(Level::Info, "DL4000".into()), (Level::Info, "DL3000".into())],
            no_fail: Some(false),
            ..Settings::default()
        };
        let both = first.and(later);
        assert_eq!(both.ignored, ["DL3000", "SC2086"]);
        assert_eq!(
            (both.no_fail, both.failure_threshold),
            (Some(false), Some(Level::Style))
        );
        let selection = both.selection(None);
        assert_eq!(selection.levels["DL4000"], Some(Level::Error), "the worse one");
        assert_eq!(
            selection.levels["DL3000"], None,
            "what is ignored is, whatever its level"
        );
    }
}
