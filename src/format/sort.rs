//! Sorts the lists that a comment marks.

use super::pieces::Piece;
use super::same::essence;
use super::shell::{Dialect, Kind};
use crate::dockerfile::{Body, Instruction};

/// Whether a comment, `#` included, asks for the list below it to be sorted.
pub(super) fn is_mark(comment: &str) -> bool {
    let text = comment.trim_start_matches('#').trim();
    text.strip_prefix("varve:").is_some_and(|what| what.trim() == "sort")
}

/// Sorts runs of `pieces` that are one plain word a line: all of them, or those that begin below a mark.
///
/// `begins` tells of each piece whether it begins a line, and whether comments stand above it, a mark among them.
pub(super) fn sort(pieces: &mut [Piece<'_>], begins: &[Begin], all: bool) {
    let mut at = 0;
    while at < pieces.len() {
        let wanted = all || begins[at] == Begin::Marked;
        if !wanted || begins[at] == Begin::No || !is_plain(&pieces[at]) {
            at += 1;
            continue;
        }
        let more = (at + 1..pieces.len())
            .take_while(|&next| begins[next] == Begin::Line && is_plain(&pieces[next]))
            .count();
        pieces[at..=at + more].sort_by(|one, other| {
            let key = |piece: &Piece<'_>| piece.text.to_lowercase();
            key(one).cmp(&key(other)).then_with(|| one.text.cmp(&other.text))
        });
        at += more + 1;
    }
}

/// How a piece begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    /// Behind another one.
    No,
    /// On a line of its own.
    Line,
    /// On a line of its own below comments.
    Commented,
    /// On a line of its own below comments, one of which is a mark.
    Marked,
}

/// Whether a line is one word that a list of packages may hold, and nothing that a shell gives a meaning to.
fn is_plain(piece: &Piece<'_>) -> bool {
    let reserved = ["do", "done", "elif", "else", "esac", "fi", "in", "then"];
    piece.shell
        && !reserved.contains(&piece.text.as_ref())
        && piece
            .text
            .starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@' || c == '$')
        && piece
            .text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "@._+:~=/-*^${}".contains(c))
}

/// Whether two instructions are the same but for the order of words in a shell's text.
pub(super) fn is_same_but_order(one: &Instruction, other: &Instruction, dialect: Dialect) -> bool {
    match (&one.body, &other.body) {
        (Body::Onbuild(one), Body::Onbuild(other)) => is_same_but_order(one, other, dialect),
        (Body::Shell(one_text), Body::Shell(other_text)) => {
            let mut rest = other.clone();
            rest.body = one.body.clone();
            let sorted = |text| {
                let mut atoms = essence(text, dialect);
                atoms.sort_by_key(|(kind, text)| (*kind as u8, *text));
                atoms
            };
            // What separates commands stays in its order.
            let controls = |text| -> Vec<_> {
                let atoms = essence(text, dialect).into_iter();
                atoms
                    .filter(|(kind, _)| matches!(kind, Kind::Control | Kind::Redirect))
                    .collect()
            };
            super::is_same_instruction(one, &rest, dialect)
                && sorted(&one_text.text) == sorted(&other_text.text)
                && controls(&one_text.text) == controls(&other_text.text)
        }
        _ => false,
    }
}
