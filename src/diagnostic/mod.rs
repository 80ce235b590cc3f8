//! Points at a place in a file, says what is wrong there, and draws both.
//!
//! Enter by [`Diagnostic::error`] or [`Diagnostic::warning`]; a [`Source`] turns a [`Span`] into lines and columns.
//! Diagnostics are data: rooms collect them, `cli` draws them.
//!
//! Invariant: this room reads no files and prints nothing.

mod source;

pub use source::{Position, Source, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The build goes on.
    Warning,
    /// The build can't be done.
    Error,
}

/// One thing that is wrong (or odd) at one place of a file.
///
/// Messages start in lower case, end without a full stop, and put names in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A stable name for the kind of problem, in kebab case, such as `unknown-instruction`.
    pub code: &'static str,
    /// What is wrong, one sentence.
    pub message: String,
    /// Where, when a place is to blame.
    pub span: Option<Span>,
    /// What may help: suggestions, one sentence each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// Something that makes the build impossible.
    pub fn error(code: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span: span.into(),
            help: Vec::new(),
        }
    }

    /// Something odd.
    pub fn warning(code: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message)
        }
    }

    /// Adds a sentence that may help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds ``did you mean `x`?`` when one of `known` is near to `word`.
    #[must_use]
    pub fn suggest<'a>(self, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(word, known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

/// The member of `known` that `word` was probably meant to be, ignoring case, if any is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let limit = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
