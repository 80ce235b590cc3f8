//! Asks whoever `SOURCE_DATE_EPOCH` names for the moment.

use super::BuildError;
use super::load::Loader;
use crate::execute::Contexts;
use crate::plan::{EpochAnswer, EpochSource, Source};

/// Asks a source. One that knows no moment, such as a directory or an image, leaves the build without an epoch.
pub(super) fn ask(source: &EpochSource, contexts: &Contexts, loader: &Loader<'_>) -> Result<EpochAnswer, BuildError> {
    let seconds = match source {
        EpochSource::Context => contexts.time(None).map(|time| time.seconds),
        EpochSource::Named(name) => contexts.time(Some(name)).map(|time| time.seconds),
        EpochSource::Remote { source, checksum } => match source {
            Source::Url(url) => loader.remotes.time_of_page(url, checksum.as_deref())?,
            Source::Git { source, .. } => {
                let checkout = loader.remotes.look_up(source)?;
                Some(loader.remotes.check_out(&checkout, loader.host)?.time.seconds)
            }
            Source::Path(_) | Source::Inline { .. } => None,
        },
    };
    Ok(EpochAnswer::new(seconds))
}
