//! Lists trees, compares them, and turns them into tars and back.

mod entry;

pub use entry::{Entry, Kind, Time, TreePath, tree_order};
