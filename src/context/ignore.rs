//! `.dockerignore`.

use super::patterns::{Covered, Patterns, clean};
use crate::diagnostic::{Diagnostic, Span};

/// What `.dockerignore` keeps out of the context.
#[derive(Debug, Default)]
pub struct Ignore {
    patterns: Patterns,
    text: Box<str>,
}

impl Ignore {
    /// Keeps nothing out.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads an ignore file; a malformed line is left out and reported.
    ///
    /// A byte order mark is dropped. A line that begins with `#` is a comment, blanks around a pattern and after
    /// its `!` mean nothing, and so does a slash before it.
    pub fn parse(text: &str) -> (Self, Vec<Diagnostic>) {
        let mut patterns = Patterns::default();
        let mut diagnostics = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let (at, end) = (start, start + line.len());
            start = end;
            let line = if at == 0 {
                line.trim_start_matches('\u{feff}')
            } else {
                line
            };
            if line.starts_with('#') {
                continue;
            }
            if let Err(error) = patterns.push(line) {
                let body = line.trim();
                let from = end - line.len() + (line.len() - line.trim_start().len());
                let span = Span::new(offset(from), offset(from + body.len()));
                diagnostics.push(Diagnostic::error("bad-ignore-pattern", span, error.to_string()));
            }
        }
        match patterns.compile() {
            Ok(patterns) => {
                let text = text.into();
                (Self { patterns, text }, diagnostics)
            }
            Err(error) => {
                diagnostics.push(Diagnostic::error("bad-ignore-pattern", None, error.to_string()));
                (Self::none(), diagnostics)
            }
        }
    }

    /// Whether a path is kept out, by itself or with a directory above it.
    ///
    /// A directory that is kept out still shows when something below it is not: see [`Ignore::may_include_below`].
    pub fn excludes(&self, path: &[u8]) -> bool {
        self.patterns.covers_path(path)
    }

    /// Whether anything below a directory may be in the context. Errs on the side of yes.
    pub fn may_include_below(&self, directory: &[u8]) -> bool {
        !self.excludes(directory) || self.patterns.may_except_below(directory)
    }

    /// Whether any line takes something back, with `!`.
    pub fn has_exceptions(&self) -> bool {
        self.patterns.has_exceptions()
    }

    /// Whether what a COPY names as its source is kept out. The context itself is when all in it is.
    pub fn excludes_source(&self, source: &str) -> bool {
        let clean = clean(source);
        match clean.trim_start_matches('/') {
            "" | "." => self.patterns.covers_all(),
            path => self.excludes(path.as_bytes()),
        }
    }

    /// Whether nothing is kept out.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// What was parsed: equal texts keep the same things out.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The state of the context's root, to go down from.
    pub(super) fn root(&self) -> Covered {
        self.patterns.root()
    }

    pub(super) fn patterns(&self) -> &Patterns {
        &self.patterns
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
