//! Edits that make findings go away, and the proof that they do nothing else.
//!
//! [`apply`] makes edits in a text; [`repair`] finds, applies, proves and repeats until nothing is left to do.

mod apply;
mod change;
mod proof;
mod repair;
mod shell;
#[cfg(test)]
mod tests;
mod words;

use crate::diagnostic::Span;

pub use apply::{Applied, apply};
pub use proof::Refusal;
pub use repair::{Made, Refused, Repair, repair};
pub use words::exec_form;

/// Whether an edit may be made without a person looking at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Safety {
    /// The build that the text describes stays what it was but for the intended change.
    Safe,
    /// Probably right, and to be looked at.
    Unsafe,
}

/// Bytes of the file replaced by text. An empty span inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

/// Edits that belong together: all are made or none is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an editor's menu shows it: `add --no-install-recommends`.
    pub title: String,
    /// Whether it may be made unseen.
    pub safety: Safety,
    /// In any order; they don't overlap.
    pub edits: Vec<Edit>,
}

impl Fix {
    /// A fix that may be made unseen.
    pub fn safe(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self {
            title: title.into(),
            safety: Safety::Safe,
            edits,
        }
    }

    /// A fix that wants a look.
    pub fn unsafe_(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self {
            safety: Safety::Unsafe,
            ..Self::safe(title, edits)
        }
    }
}

impl Edit {
    /// Puts `text` where `span` stood.
    pub fn replace(span: Span, text: impl Into<String>) -> Self {
        Self {
            span,
            text: text.into(),
        }
    }

    /// Puts `text` in front of the byte at `offset`.
    pub fn insert(offset: u32, text: impl Into<String>) -> Self {
        Self::replace(Span::new(offset, offset), text)
    }

    /// Takes `span` away.
    pub fn delete(span: Span) -> Self {
        Self::replace(span, "")
    }
}
