//! What a rule says about one place.

use super::fix::Fix;
use crate::diagnostic::Span;
use std::borrow::Cow;
use std::fmt;

/// How much a finding matters. Sorted from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A matter of taste.
    Style,
    /// Worth knowing.
    Info,
    /// Probably not meant, or costs something.
    Warning,
    /// Wrong.
    Error,
}

impl Level {
    /// The word for it in every format and configuration: `error`, `warning`, `info` or `style`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Style => "style",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The level that `word` stands for, in lower case as [`Level::word`] writes it.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Style, Self::Info, Self::Warning, Self::Error]
            .into_iter()
            .find(|level| level.word() == word)
    }

    /// The least level that fails a run for whoever says `word`; `ignore` and `none` are `style`, as with hadolint.
    pub fn threshold(word: &str) -> Option<Self> {
        match word {
            "ignore" | "none" => Some(Self::Style),
            _ => Self::from_word(word),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One thing that a rule found at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `DL3008`, `SC2086`, `VV101`, or the name of a BuildKit check.
    pub code: Cow<'static, str>,
    /// How much it matters.
    pub level: Level,
    /// One sentence: starts in lower case, ends without a full stop, names in backticks.
    pub message: String,
    /// The exact place: the word, flag or command to blame.
    pub span: Span,
    /// The line, counted from 1, that hadolint would name: the first of the instruction that the finding is about.
    pub line: u32,
    /// What may help, one sentence each.
    pub help: Vec<String>,
    /// An edit that makes the finding go away, when one is known.
    pub fix: Option<Fix>,
}

impl Finding {
    /// Adds a sentence that may help.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help.push(help.into());
        self
    }

    /// Says how to make the finding go away.
    pub fn fix(&mut self, fix: Fix) -> &mut Self {
        self.fix = Some(fix);
        self
    }
}
