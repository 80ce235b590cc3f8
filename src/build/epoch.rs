//! Asks whoever `SOURCE_DATE_EPOCH` names for the moment.

use super::BuildError;
use crate::execute::{Contexts, Fetcher};
use crate::plan::{EpochAnswer, EpochSource, Source};

/// Asks a source. One that knows no moment, such as a directory or an image, leaves the build without an epoch.
pub(super) fn ask(source: &EpochSource, contexts: &Contexts, fetcher: &Fetcher<'_>) -> Result<EpochAnswer, BuildError> {
    let seconds = match source {
        EpochSource::Context => contexts.time(None).map(|time| time.seconds),
        EpochSource::Named(name) => contexts.time(Some(name)).map(|time| time.seconds),
        EpochSource::Remote { source, checksum } => match source {
            Source::Url(url) => fetcher.time(url, checksum.as_deref())?,
            Source::Git(url) => return Err(BuildError::EpochOfGit(url.clone())),
            Source::Path(_) | Source::Inline { .. } => None,
        },
    };
    Ok(EpochAnswer::new(seconds))
}
