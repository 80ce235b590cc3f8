//! `--filter`: which images are meant.

use super::failed;
use super::words::until;
use crate::cli::failure::{Failure, Usage};
use crate::images::{self, StoredImage};
use crate::layer::Time;
use crate::oci::Reference;
use crate::store::{Store, now};
use globset::{GlobBuilder, GlobMatcher};

/// Which images are meant. All conditions count, and of the patterns for names any.
#[derive(Debug, Default)]
pub(super) struct Filter {
    patterns: Vec<GlobMatcher>,
    pub(super) dangling: Option<bool>,
    /// Key, value, and whether it has to be there.
    labels: Vec<(String, Option<String>, bool)>,
    before: Option<Time>,
    since: Option<Time>,
    pub(super) until: Option<Time>,
}

impl Filter {
    /// Reads filters for a list of images; `name` is a further pattern.
    pub(super) fn for_list(store: &Store, given: &[String], name: Option<&str>) -> Result<Self, Failure> {
        let mut filter = Self::default();
        filter.patterns.extend(name.map(pattern).transpose()?);
        for text in given {
            let (key, value) = split(text)?;
            let created = || {
                let image = images::find(store, value).map_err(|error| failed(&error))?;
                Ok::<_, Failure>(Some(image.record.created))
            };
            match key {
                "reference" => filter.patterns.push(pattern(value)?),
                "dangling" => filter.dangling = Some(truth(text, value)?),
                // Of several images the narrowest counts.
                "before" => filter.before = filter.before.into_iter().chain(created()?).min(),
                "since" => filter.since = filter.since.into_iter().chain(created()?).max(),
                _ => filter.common(text, key, value)?,
            }
        }
        Ok(filter)
    }

    /// Reads filters of what is to be removed.
    pub(super) fn for_prune(given: &[String]) -> Result<Self, Failure> {
        let mut filter = Self::default();
        for text in given {
            let (key, value) = split(text)?;
            match key {
                "dangling" => filter.dangling = Some(truth(text, value)?),
                _ => filter.common(text, key, value)?,
            }
        }
        Ok(filter)
    }

    fn common(&mut self, text: &str, key: &str, value: &str) -> Result<(), Usage> {
        let label = |is_wanted| {
            let (key, value) = value
                .split_once('=')
                .map_or((value, None), |(key, value)| (key, Some(value)));
            (key.to_owned(), value.map(str::to_owned), is_wanted)
        };
        match key {
            "label" => self.labels.push(label(true)),
            "label!" => self.labels.push(label(false)),
            "until" => self.until = Some(until(value, now())?),
            _ => return Err(Usage::new(format!("`--filter {text}`: `{key}` is not known"))),
        }
        Ok(())
    }

    /// Whether anything but the age is asked about.
    pub(super) fn has_labels(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Whether an image is meant, whatever its names are.
    pub(super) fn takes(&self, image: &StoredImage) -> bool {
        let labels = &image.config.config.labels;
        let created = image.record.created;
        self.dangling.is_none_or(|wanted| wanted == image.is_dangling())
            && self.labels.iter().all(|(key, value, is_wanted)| {
                let found = labels.get(key);
                found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found)) == *is_wanted
            })
            && self.before.is_none_or(|time| created < time)
            && self.since.is_none_or(|time| created > time)
            && self.until.is_none_or(|time| created < time)
    }

    /// Whether one of an image's names is meant; `None` is an image without.
    pub(super) fn takes_name(&self, name: Option<&Reference>) -> bool {
        if self.patterns.is_empty() {
            return true;
        }
        let Some(name) = name else { return false };
        let repository = Reference::parse(&format!("{}/{}", name.registry(), name.repository()));
        let mut spellings = vec![name.familiar(), name.to_string()];
        if let Ok(repository) = repository {
            spellings.extend([repository.familiar(), repository.to_string()]);
        }
        let matches = |pattern: &GlobMatcher| spellings.iter().any(|it| pattern.is_match(it));
        self.patterns.iter().any(matches)
    }
}

fn split(text: &str) -> Result<(&str, &str), Usage> {
    text.split_once('=')
        .map(|(key, value)| (key.trim(), value.trim()))
        .ok_or_else(|| Usage::new(format!("`--filter {text}`: want KEY=VALUE")))
}

fn truth(text: &str, value: &str) -> Result<bool, Usage> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" => Ok(true),
        "false" | "0" | "f" => Ok(false),
        _ => Err(Usage::new(format!("`--filter {text}`: want `true` or `false`"))),
    }
}

fn pattern(text: &str) -> Result<GlobMatcher, Usage> {
    let glob = GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| Usage::new(format!("`{text}` is no pattern: {}", error.kind())))
}
