//! Lowers resolved stages into a graph of steps.

mod step;

pub use step::*;
