//! WORKDIR: a directory that must exist.

use super::base::writer;
use super::owner::lookup;
use super::place::Placement;
use super::stack::Stack;
use super::{ExecuteError, Executor, now};
use crate::layer::{Listing, Time};
use crate::plan::Workdir;
use crate::store::Draft;

/// Makes what is missing of the path, owned by the stage's user. When all of it is there, nothing is in the layer, not
/// even the directories on the way.
pub(super) fn perform(
    executor: &Executor<'_>,
    workdir: &Workdir,
    root: &Stack,
    draft: &Draft,
) -> Result<Listing, ExecuteError> {
    let owner = if workdir.user.is_empty() {
        None
    } else {
        Some(lookup(&workdir.user, root))
    };
    let time = executor.graph.source_date_epoch.map_or_else(now, |seconds| Time {
        seconds,
        nanoseconds: 0,
    });
    let mut placement = Placement::new(root.view(), writer(draft, &executor.host)?, owner, None, time);
    for path in workdir.passes.iter().chain([&workdir.path]) {
        let path = placement.resolve(path.as_bytes())?;
        if !placement.is_directory(&path) {
            placement.directory(&path)?;
        }
    }
    placement.finish()
}
