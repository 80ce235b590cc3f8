//! Lowers resolved stages into a graph of steps.
//!
//! Enter by [`lower`]: a [`Request`] and the configs of base images in, a [`Graph`] of [`Step`]s out. When configs are
//! missing the answer says which; fetch them and call again, until it is [`Outcome::Ready`]. So it is with a moment
//! that `SOURCE_DATE_EPOCH` names. [`problems`] says all that is wrong with a file whose text has errors.
//! The graph holds only what the target reaches, in the file's order, so that equal requests give equal graphs.
//!
//! Invariant: this room reads no files, knows no clock and no cache. A COPY step holds patterns, not contents.

mod copy;
mod discover;
mod epoch;
mod frontend;
mod git;
mod lower;
mod merge;
mod mount;
mod outline;
mod paths;
mod problems;
mod request;
mod run;
mod shown;
mod source;
mod spelling;
mod stage;
mod step;
#[cfg(test)]
mod tests;
mod values;

pub use epoch::{EpochAnswer, EpochSource};
pub use git::{GitSource, is_commit};
pub use lower::lower;
pub use merge::merge;
pub use mount::MOUNT_KEYS;
pub use outline::{Outline, OutlineArg, OutlineMount, StageSummary, stages};
pub use problems::problems;
pub use request::{DEFAULT_HOSTNAME, ImageKey, ImageNeed, Lowered, NamedContext, NoCache, Outcome, Request};
pub use step::*;
