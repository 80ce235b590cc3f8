//! Answers whether a step is already done, and if not, why not.
//!
//! Enter by [`Ingredients`]: [`Ingredients::of_run`], [`Ingredients::of_copy`] and [`Ingredients::of_workdir`] say what
//! a step depends on, and [`look_up`] asks the store. `key.rs` has the table of what is in a key.
//!
//! Invariant: this room runs nothing and reads no file but the store's records; the contents a step depends on come
//! in as digests.

mod key;
mod lookup;

pub use key::{Ingredients, MountContent, SourceContent, base_tree, empty_tree, next_tree};
pub use lookup::{Found, MissReason, look_up, record};
