//! Runs one command in fresh namespaces from a list of setup operations.
//!
//! Draw a [`Setup`] and a [`Command`], then call [`Setup::spawn`]: it performs the operations in a new
//! process, which becomes the command. A program that lacks privileges calls [`enter`] first, once.
//! The kernel must be Linux 5.12 or newer; overlays of more than about 200 directories need 6.8.
//!
//! Invariant: what a command changes is in the upper directory and nowhere else, and nothing that was
//! made for a mount is in it. This room knows no Dockerfile, image or layer.

mod capability;
mod child;
mod command;
mod emulation;
mod enter;
mod error;
mod explain;
mod files;
mod group;
mod hierarchy;
mod identity;
mod idmap;
mod leash;
mod mounts;
mod perform;
mod places;
mod probe;
mod program;
mod report;
mod root;
mod seccomp;
mod setup;
mod spawn;
mod steps;
mod stubs;
mod sys;

pub use capability::{Capabilities, Capability};
pub use child::{Child, ExitStatus, Killer, Note};
pub use command::{Command, Limit, Resource, Stdio, WindowSize};
pub use emulation::{Emulation, emulation};
pub use enter::{Entered, Ownership, WhySingle, enter};
pub use error::{ExecFailure, SandboxError};
pub use files::{hosts_file, resolv_file};
pub use group::{ControlGroup, GroupLimits};
pub use identity::{Identity, IdentityError, group_number, lookup, user_number};
pub use leash::leash;
pub use mounts::Flags;
pub use probe::{OverlaySupport, probe_overlay};
pub use seccomp::{Seccomp, SeccompRule, seccomp_rules};
pub use setup::{Contents, MASKED, Network, Operation, Overlay, READ_ONLY, Root, SHM_SIZE, Setup, Upper};

#[cfg(test)]
mod tests;
