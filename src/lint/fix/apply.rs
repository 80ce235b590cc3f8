//! Puts edits into a text.

use super::{Edit, Fix};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What [`apply`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The new text.
    pub text: String,
    /// How many fixes went in.
    pub done: usize,
    /// How many were left out, because they overlap an earlier one or don't lie in the text.
    pub left: usize,
}

/// Makes the edits of `fixes` in `text`. Where two overlap, the one that begins first is made.
///
/// The same edit asked for twice is made once. Two insertions at the same place are an overlap. Line feeds of an
/// edit become what ends the lines around it.
pub fn apply<'a>(text: &str, fixes: impl IntoIterator<Item = &'a Fix>) -> Applied {
    let fixes: Vec<&Fix> = fixes.into_iter().filter(|fix| !fix.edits.is_empty()).collect();
    let merged = Merged::new(text, &fixes);
    Applied {
        text: merged.splice(text),
        done: merged.taken.len(),
        left: fixes.len() - merged.taken.len(),
    }
}

/// Fixes that can be made together.
#[derive(Debug)]
pub(super) struct Merged<'a> {
    /// Their edits by place; no two overlap.
    pub(super) edits: Vec<&'a Edit>,
    /// Which of the fixes they are.
    pub(super) taken: Vec<usize>,
}

impl<'a> Merged<'a> {
    /// Takes of `fixes` what can be made together in `text`.
    pub(super) fn new(text: &str, fixes: &[&'a Fix]) -> Self {
        let mut order: Vec<usize> = (0..fixes.len()).collect();
        order.sort_by_key(|&at| fixes[at].edits.iter().map(|edit| edit.span).min());
        let mut edits: BTreeMap<u32, &'a Edit> = BTreeMap::new();
        let mut taken = Vec::new();
        for at in order {
            if !fixes[at].edits.is_empty() && take(text, fixes[at], &mut edits) {
                taken.push(at);
            }
        }
        Self {
            edits: edits.into_values().collect(),
            taken,
        }
    }

    /// `text` with the edits made.
    pub(super) fn splice(&self, text: &str) -> String {
        let mut new = String::with_capacity(text.len());
        let mut at = 0;
        for edit in &self.edits {
            new.push_str(&text[at..edit.span.start as usize]);
            new.push_str(&with_line_ends(text, edit));
            at = edit.span.end as usize;
        }
        new.push_str(&text[at..]);
        new
    }

    /// Where the byte at `offset`, which no edit replaces, stands in the new text; behind what is inserted there.
    pub(super) fn offsets<'b>(&'b self, text: &'b str) -> impl FnMut(u32) -> i64 + 'b {
        let mut shift = 0_i64;
        let mut next = 0;
        move |offset| {
            while let Some(edit) = self.edits.get(next).filter(|edit| edit.span.end <= offset) {
                let length = with_line_ends(text, edit).len() as i64;
                shift += length - i64::from(edit.span.end - edit.span.start);
                next += 1;
            }
            i64::from(offset) + shift
        }
    }
}

/// Adds all edits of `fix`, or none.
fn take<'a>(text: &str, fix: &'a Fix, edits: &mut BTreeMap<u32, &'a Edit>) -> bool {
    let mut added: Vec<u32> = Vec::new();
    for edit in &fix.edits {
        let (start, end) = (edit.span.start, edit.span.end);
        let lies = start <= end && text.is_char_boundary(start as usize) && text.is_char_boundary(end as usize);
        let before = edits.range(..=start).next_back().map(|(_, before)| *before);
        if lies && before == Some(edit) {
            continue;
        }
        let apart = before.is_none_or(|before| before.span.end <= start && before.span.start < start)
            && edits
                .range(start + u32::from(start < u32::MAX)..)
                .next()
                .is_none_or(|(after, _)| end <= *after);
        if !lies || !apart {
            for start in added {
                edits.remove(&start);
            }
            return false;
        }
        edits.insert(start, edit);
        added.push(start);
    }
    true
}

/// The text of `edit` with the line ends that its surroundings in `text` have.
fn with_line_ends<'a>(text: &str, edit: &'a Edit) -> Cow<'a, str> {
    if !edit.text.contains('\n') {
        return Cow::Borrowed(&edit.text);
    }
    let (before, after) = text.split_at(edit.span.start as usize);
    let returns = match (after.find('\n'), before.rfind('\n')) {
        (Some(end), _) => after[..end].ends_with('\r') || end == 0 && before.ends_with('\r'),
        (None, Some(end)) => before[..end].ends_with('\r'),
        (None, None) => false,
    };
    match returns {
        true => edit.text.replace("\r\n", "\n").replace('\n', "\r\n").into(),
        false => Cow::Borrowed(&edit.text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    fn fix(start: u32, end: u32, text: &str) -> Fix {
        Fix::safe("a fix", vec![Edit::replace(Span::new(start, end), text)])
    }

    #[test]
    fn overlapping_fixes_are_left_out() {
        let fixes = [
            fix(4, 6, "XY"),
            fix(0, 2, "ab"),
            fix(1, 5, "no"),
            fix(4, 6, "XY"),
            fix(9, 99, "no"),
        ];
        let applied = apply("AB__EF", &fixes);
        assert_eq!(applied.text, "ab__XY");
        assert_eq!((applied.done, applied.left), (3, 2));
        assert_eq!(apply("é", &[fix(1, 1, "no")]).text, "é");
        assert_eq!(apply("ab", &[fix(1, 1, "x"), fix(1, 1, "y")]).text, "axb");
    }

    #[test]
    fn a_fix_is_made_as_a_whole() {
        let edits = |places: &[(u32, u32)]| {
            let edit = |&(start, end): &(u32, u32)| Edit::replace(Span::new(start, end), "-");
            Fix::safe("a fix", places.iter().map(edit).collect())
        };
        let applied = apply(
            "abcdef",
            &[
                edits(&[(0, 1), (3, 4)]),
                edits(&[(5, 6), (2, 4)]),
                edits(&[(2, 3), (5, 6)]),
            ],
        );
        assert_eq!(applied.text, "-b--e-");
        assert_eq!((applied.done, applied.left), (2, 1));
        assert_eq!(apply("abc", &[edits(&[(0, 2), (1, 3)])]).text, "abc");
    }

    #[test]
    fn line_ends_are_those_of_the_file() {
        assert_eq!(
            apply("a\r\nb\r\n", &[fix(3, 3, "x\ny\r\n")]).text,
            "a\r\nx\r\ny\r\nb\r\n"
        );
        assert_eq!(apply("a\nb", &[fix(3, 3, "\nx")]).text, "a\nb\nx");
        assert_eq!(apply("a\r\nb", &[fix(4, 4, "\nx")]).text, "a\r\nb\r\nx");
        assert_eq!(apply("a", &[fix(1, 1, "\nx")]).text, "a\nx");
    }

    #[test]
    fn many_edits_take_no_longer_each() {
        let text = "ab".repeat(100_000);
        let fixes: Vec<Fix> = (0..100_000).rev().map(|at| fix(2 * at, 2 * at + 1, "cc")).collect();
        let applied = apply(&text, &fixes);
        assert_eq!(applied.done, 100_000);
        assert_eq!(applied.text, "ccb".repeat(100_000));
    }
}
