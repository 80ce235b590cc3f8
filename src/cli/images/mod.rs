//! Commands on the images of the store, as Docker spells them.

pub(super) mod arguments;
mod df;
mod filter;
mod history;
mod inspect;
mod list;
mod names;
mod prune;
mod table;
mod testimony;
mod transfer;
mod words;

use super::failure::{Exit, Failure};
use crate::schedule::Cancel;
use arguments::ImageCommand;
use std::error::Error;
use std::sync::Arc;

/// Does one of the commands.
pub(super) fn run(command: ImageCommand, cancel: &Arc<Cancel>) -> Result<Exit, Failure> {
    match command {
        ImageCommand::Build(arguments) => super::build::run(*arguments, cancel),
        ImageCommand::Ls(arguments) => list::run(&arguments),
        ImageCommand::Inspect(arguments) if arguments.sbom || arguments.provenance => {
            testimony::run(&arguments, cancel)
        }
        ImageCommand::Inspect(arguments) => inspect::run(&arguments),
        ImageCommand::History(arguments) => history::run(&arguments),
        ImageCommand::Tag(arguments) => names::tag(&arguments),
        ImageCommand::Rm(arguments) => names::remove(&arguments),
        ImageCommand::Pull(arguments) => transfer::pull(&arguments, cancel),
        ImageCommand::Save(arguments) => transfer::save(&arguments, cancel),
        ImageCommand::Load(arguments) => transfer::load(&arguments, cancel),
        ImageCommand::Prune(arguments) => prune::run(&arguments),
    }
}

/// What the store takes up.
pub(super) fn df(arguments: &arguments::DfArguments) -> Result<Exit, Failure> {
    df::run(arguments)
}

/// Removes cached results, as `docker builder prune` does.
pub(super) fn prune_cache(mut arguments: arguments::PruneArguments) -> Result<Exit, Failure> {
    // Of images, `--all` means here: of the cache, of which there is only one kind.
    arguments.all = false;
    arguments.cache = true;
    prune::run(&arguments)
}

fn failed(error: &(dyn Error + 'static)) -> Failure {
    Failure::caused(error, Exit::Failed)
}

/// Does something for each of several words, and goes on when one fails: each failure is told.
fn each(words: &[String], mut deed: impl FnMut(&str) -> Result<(), Failure>) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for word in words {
        if let Err(failure) = deed(word) {
            if failure.text.is_empty() {
                return Err(failure);
            }
            super::note(&failure.text);
            exit = failure.exit;
        }
    }
    Ok(exit)
}
