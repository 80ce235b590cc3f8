//! A bound on the work that a hostile file can make.

use crate::resolve::{Environment, Expanded, expand};
use std::cell::Cell;

/// How many bytes may still be expanded and inherited. Values grow with each use, and files may be hostile.
pub(super) struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(32 << 20))
    }
}

impl Budget {
    /// Takes `bytes` off; false when there is not enough left.
    pub(super) fn affords(&self, bytes: usize) -> bool {
        let left = self.0.get().saturating_sub(bytes + 16);
        self.0.set(left);
        left > 0
    }

    /// Whether nothing is left.
    pub(super) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }

    /// Expands `text`, when the budget allows it.
    pub(super) fn expand(&self, text: &str, escape: char, environment: &Environment) -> Option<Expanded> {
        if self.is_spent() {
            return None;
        }
        let expanded = expand(text, escape, environment).ok()?;
        self.affords(expanded.text.len()).then_some(expanded)
    }
}
