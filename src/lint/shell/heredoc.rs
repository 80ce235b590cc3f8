//! Which heredocs are scripts.

use super::Dialect;
use crate::dockerfile::{Body, Heredoc, Instruction};

/// The heredoc whose body is all that `run` runs: it stands alone, or in front of the name of a shell.
pub(super) fn script_of(run: &Instruction) -> Option<&Heredoc> {
    let ([heredoc], Body::Shell(word)) = (run.heredocs.as_slice(), &run.body) else {
        return None;
    };
    if word.span == heredoc.span {
        return Some(heredoc);
    }
    if word.span.start != heredoc.span.start {
        return None;
    }
    let mut words = word.text.split_whitespace().skip(1);
    let is_shell = !matches!(Dialect::of(words.next()?), Dialect::Foreign);
    let only_flags = words.all(|word| word.starts_with('-') && word != "-c");
    (is_shell && only_flags).then_some(heredoc)
}
