//! Binds stage names, scopes and variables over the tree.
//!
//! Enter by [`bind`]: a tree and what was given with it in, a [`Binding`] of stages out. [`expand`] does one word in an
//! [`Environment`]; a [`Scope`] follows ARG and ENV through a stage.
//!
//! Invariant: this room reads no files and no environment variables, and does not know what an image holds.

mod csv;
mod cycles;
mod environment;
mod expand;
mod pattern;
mod scope;
mod stages;
#[cfg(test)]
mod tests;

pub use csv::{CsvError, csv_fields};
pub use environment::Environment;
pub use expand::{ExpandError, Expanded, ExpandedWords, Use, expand, expand_for_display, expand_heredoc, expand_words};
pub use scope::{BuildArgs, Scope, platform_args};
pub use stages::{Binding, Inputs, Origin, Stage, bind, refuse_variables, sources_of};
