//! Whether the commands of a build can run here, said before the first of its steps.

use super::{BuildError, Progress};
use crate::oci::Platform;
use crate::plan::{Graph, Op};
use crate::sandbox::{Emulation, emulation};
use std::collections::BTreeMap;

/// Refuses a graph with commands that this machine can't run.
///
/// # Errors
/// [`BuildError::Platform`], which says which step, for which platform, and what to install.
pub(super) fn check(graph: &Graph, progress: &(dyn Fn(Progress) + Sync)) -> Result<(), BuildError> {
    let host = Platform::host();
    let mut known: BTreeMap<&str, Emulation> = BTreeMap::new();
    for step in graph.steps.node_weights() {
        let platform = &step.platform;
        if !matches!(step.op, Op::Run(_)) || platform.architecture.is_empty() || host.rank(platform).is_some() {
            continue;
        }
        let title = step.title.lines().next().unwrap_or_default();
        if platform.os != host.os {
            return Err(BuildError::Platform(format!(
                "`{title}` is a command of `{platform}`, and `{host}` runs no programs of other systems"
            )));
        }
        let is_new = !known.contains_key(&*platform.architecture);
        let found = known
            .entry(&platform.architecture)
            .or_insert_with(|| emulation(&platform.architecture));
        match found {
            Emulation::Anywhere => {}
            // An image may bring its emulator with it, which is seen when the command starts.
            Emulation::Inside(interpreter) if is_new => progress(Progress::Warning(format!(
                "warning: commands of `{platform}` need `{interpreter}` in their own image, since the emulator is \
                 registered without the flag `F`"
            ))),
            Emulation::Inside(_) => {}
            Emulation::None => {
                return Err(BuildError::Platform(format!(
                    "`{title}` is a command of `{platform}`, which this machine (`{host}`) can't run without an \
                     emulator\nhelp: install one, such as the packages `qemu-user-static` and `binfmt-support`, which \
                     register it with the kernel's binfmt_misc; or run such commands in a stage `FROM \
                     --platform=$BUILDPLATFORM`"
                )));
            }
        }
    }
    Ok(())
}
