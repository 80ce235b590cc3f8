//! `varve df`: what the store takes up.

use super::arguments::DfArguments;
use super::failed;
use super::table::{Column, show};
use super::words::size;
use crate::cli::failure::{Exit, Failure};
use crate::cli::machine::Machine;
use crate::store::{Share, StoreError};
use serde_json::{Value, json};

const HEADINGS: [Column; 5] = [
    ("Type", "TYPE"),
    ("TotalCount", "TOTAL"),
    ("Active", "ACTIVE"),
    ("Size", "SIZE"),
    ("Reclaimable", "RECLAIMABLE"),
];

pub(super) fn run(arguments: &DfArguments) -> Result<Exit, Failure> {
    let machine = Machine::enter(arguments.store.root.as_deref())?;
    let store = machine.store()?;
    let look = || Ok((store.usage()?, store.account()?));
    let (usage, account) = look().map_err(|error: StoreError| failed(&error))?;
    let mounts = usage.mounts;
    let rest = [usage.contexts, usage.drafts, usage.database];
    let rest = Share {
        count: rest.iter().map(|share| share.count).sum(),
        bytes: rest.iter().map(|share| share.bytes).sum(),
    };
    let rows = vec![
        row(
            "Images",
            account.images,
            account.named.count,
            account.images.bytes - account.named.bytes,
        ),
        row("Build Cache", account.cache, 0, account.cache.bytes),
        row("Cache Mounts", mounts, 0, mounts.bytes),
        row("Other", rest, rest.count, 0),
    ];
    let columns = ["Type", "TotalCount", "Active", "Size", "Reclaimable"];
    show(rows, arguments.format.as_deref(), &columns, &HEADINGS)
}

/// A kind of thing; `reclaimable` bytes are used by nothing that has a name.
fn row(kind: &str, share: Share, active: u64, reclaimable: u64) -> Value {
    let part = match reclaimable.saturating_mul(100).checked_div(share.bytes) {
        Some(percent) => format!("{} ({percent}%)", size(reclaimable)),
        None => size(reclaimable),
    };
    json!({
        "Type": kind,
        "TotalCount": share.count.to_string(),
        "Active": active.to_string(),
        "Size": size(share.bytes),
        "Reclaimable": part,
    })
}
