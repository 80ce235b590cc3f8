//! Reads Dockerfile text into a tree with spans and never fails.

mod tree;

pub use tree::*;
