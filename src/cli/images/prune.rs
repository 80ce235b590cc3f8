//! `varve prune`: removes what is not needed.

use super::arguments::PruneArguments;
use super::failed;
use super::filter::Filter;
use super::words::size;
use crate::cli::failure::{Exit, Failure, Usage};
use crate::cli::machine::Machine;
use crate::cli::output;
use crate::cli::{note, print};
use crate::images::{self, StoredImage};
use crate::store::{Retention, Store, StoreError, now};
use std::io::{BufRead as _, IsTerminal as _};

pub(super) fn run(arguments: &PruneArguments) -> Result<Exit, Failure> {
    let mut filter = Filter::for_prune(&arguments.filters)?;
    let most_bytes = arguments.keep_storage.as_deref().map(output::size).transpose()?;
    if filter.has_labels() && (arguments.cache || most_bytes.is_some()) {
        return Err(Usage::new("results of builds have no labels to filter by: leave `--cache` out").into());
    }
    if !arguments.force && !confirmed(arguments)? {
        return Ok(Exit::Done);
    }
    let machine = Machine::enter(arguments.store.root.as_deref())?;
    let store = machine.store()?;
    // `dangling=false` is Docker's older word for all.
    let all = arguments.all || filter.dangling.take() == Some(false);
    filter.dangling = None;
    let images = images::all(&store).map_err(|error| failed(&error))?;
    let lost: Vec<&StoredImage> = images
        .iter()
        .filter(|image| (all || image.is_dangling()) && filter.takes(image))
        .collect();
    forget(&store, &lost)?;
    let used_since = match (arguments.cache, most_bytes) {
        (true, None) => Some(filter.until.unwrap_or_else(now)),
        (_, Some(_)) => filter.until,
        (false, None) => None,
    };
    let pruned = store
        .prune(&Retention { used_since, most_bytes })
        .map_err(|error| failed(&error))?;
    if !lost.is_empty() {
        print("Deleted Images:")?;
        for image in &lost {
            for name in image.familiar() {
                print(&format!("untagged: {name}"))?;
            }
            print(&format!("deleted: {}", image.id()))?;
        }
        print("")?;
    }
    let bytes = pruned.deltas.bytes + pruned.blobs.bytes + pruned.others.bytes;
    print(&format!("Total reclaimed space: {}", size(bytes)))?;
    Ok(Exit::Done)
}

fn forget(store: &Store, images: &[&StoredImage]) -> Result<(), Failure> {
    let forgotten = store.write(|records| {
        images.iter().try_for_each(|image| records.remove_image(image.id()))?;
        records.remove_unnamed_tops().map(drop)
    });
    forgotten.map_err(|error: StoreError| failed(&error))
}

/// Asks whoever sits at the terminal; without one nobody can be asked, and the command line counts.
fn confirmed(arguments: &PruneArguments) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    let images = match arguments.all {
        true => "all images",
        false => "all images without a name",
    };
    let cache = match arguments.cache || arguments.keep_storage.is_some() {
        true => ", and results of earlier builds",
        false => "",
    };
    note(&format!("This will remove {images}{cache}. Go on? [y/N]"));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::machine(format!("cannot read the answer: {error}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
