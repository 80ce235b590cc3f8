//! The labels of a LABEL instruction.

use crate::diagnostic::Span;
use crate::dockerfile::{Body, Instruction, Keyword, Pair};
use crate::lint::words;

/// One label.
pub(super) struct Label<'a> {
    pub(super) pair: &'a Pair,
    /// Without quotes.
    pub(super) key: &'a str,
    /// Without quotes; empty when there is none.
    pub(super) value: &'a str,
}

impl Label<'_> {
    /// The value, or the key when there is none.
    pub(super) fn span(&self) -> Span {
        match &self.pair.value {
            Some(value) if !self.value.is_empty() => value.span,
            _ => self.pair.key.span,
        }
    }
}

/// The labels that an instruction sets; none when it is no LABEL.
pub(super) fn of(instruction: &Instruction) -> impl Iterator<Item = Label<'_>> {
    let pairs = match (instruction.keyword, &instruction.body) {
        (Some(Keyword::Label), Body::Pairs { pairs, .. }) => pairs.as_slice(),
        _ => &[],
    };
    pairs.iter().map(|pair| Label {
        pair,
        key: words::unquoted(&pair.key.text),
        value: pair.value.as_ref().map_or("", |value| words::unquoted(&value.text)),
    })
}
