//! varve's own rules.

pub(in crate::lint) mod unused_ignore;
mod void_ignore;

use crate::lint::rule::Rule;

pub(super) static RULES: &[&Rule] = &[&unused_ignore::RULE, &void_ignore::RULE];
