//! Points at a place in a file, says what is wrong there, and draws both.
//!
//! Enter by [`Diagnostic::error`] or [`Diagnostic::warning`]; a [`Source`] turns a [`Span`] into lines and columns.
//! Diagnostics are data: rooms collect them, `cli` shows what [`render`] makes of them.
//!
//! Invariant: this room reads no files and prints nothing.

mod render;
mod source;

pub use render::{render, render_as, visible};
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

/// How many names are compared with a word.
const MOST_NAMES: usize = 1000;

/// The member of `known` that `word` was probably meant to be, ignoring case, if any is near.
///
/// Near is a few letters changed, missing, added or swapped, or the only member that `word` is the beginning of.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name is that long, and the distance takes time with the square of the length.
    let word = word.chars().take(101).flat_map(char::to_lowercase).collect::<String>();
    let length = word.chars().count();
    if length > 100 {
        return None;
    }
    let limit = (length / 3).clamp(1, 3);
    // A hostile file may have a hundred thousand names, and as many words to compare with them.
    let known = known.into_iter().take(MOST_NAMES);
    let mut near: Option<(usize, &str)> = None;
    let mut begun: Vec<&str> = Vec::new();
    for candidate in known {
        let lower = candidate.to_lowercase();
        // The distance is at least the difference of the lengths.
        if lower.chars().count().abs_diff(length) <= limit {
            let distance = strsim::damerau_levenshtein(&word, &lower);
            if distance <= limit && near.is_none_or(|(least, _)| distance < least) {
                near = Some((distance, candidate));
            }
        }
        if length >= 3 && lower.starts_with(&word) {
            begun.push(candidate);
        }
    }
    match (near, begun.as_slice()) {
        (Some((_, near)), _) => Some(near),
        (None, [only]) => Some(only),
        _ => None,
    }
}

/// What an error says, and below it what its causes say; a cause that its error has quoted already is left out.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut said = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if said.last().is_none_or(|last| !last.ends_with(&text)) {
            said.push(text);
        }
        next = cause.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggestions_are_near_or_begun() {
        let known = ["FROM", "RUN", "ENTRYPOINT", "ENV", "EXPOSE"];
        for (word, expected) in [
            ("form", Some("FROM")),
            ("RUNN", Some("RUN")),
            ("entry", Some("ENTRYPOINT")),
            ("entrypiont", Some("ENTRYPOINT")),
            ("xyzzy", None),
            ("e", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(1_000_000), known), None);
        assert_eq!(nearest("sta", ["start-period", "start-interval"]), None);
    }
}
