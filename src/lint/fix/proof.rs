//! Proves that edits changed what they meant to change and nothing else.

use super::apply::Merged;
use super::change::{is_removable, is_safe};
use super::{Edit, Fix, Safety};
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::dockerfile::{Directive, Instruction, Parsed};
use crate::format::Dialect;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Why a fix was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An instruction that it does not touch would change.
    #[error("another instruction would change")]
    Elsewhere,
    /// The instruction would have an error that it did not have.
    #[error("the instruction would be broken")]
    Broken,
    /// It is said to be safe, and would change more than a safe fix may.
    #[error("the build would change in a way that can't be shown to be harmless")]
    Unproven,
    /// A comment would be lost.
    #[error("a comment would be lost")]
    Comment,
    /// A line that tells the parser how to read the file would change.
    #[error("a directive would change")]
    Directive,
}

/// A text and its tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) text: &'a str,
    pub(super) parsed: &'a Parsed,
}

/// What is wrong with having made `merged` of `fixes` in `old`, which gave `new`: by number of the fix.
///
/// Holds when nothing is returned: every instruction that no edit touches has the same text and bodies of heredocs,
/// and with that the same tree; no instruction has errors of a kind that it did not have; comments are still there;
/// and, with [`Safety::Safe`], each instruction that an edit touches changed in one of the ways that `change` lists.
pub(super) fn refused(
    old: Side<'_>,
    new: Side<'_>,
    fixes: &[&Fix],
    merged: &Merged<'_>,
    safety: Safety,
) -> BTreeMap<usize, Refusal> {
    let taken = merged.taken.iter();
    let mut edits: Vec<(Span, usize)> = taken
        .flat_map(|&at| fixes[at].edits.iter().map(move |edit| (edit.span, at)))
        .collect();
    edits.sort_unstable();
    let proof = Proof {
        old,
        new,
        fixes,
        merged,
        edits,
        safety,
        dialect: Dialect::of(&old.parsed.dockerfile),
    };
    let mut refused = BTreeMap::new();
    proof.comments(&mut refused);
    proof.directives(&mut refused);
    proof.instructions(&mut refused);
    refused
}

struct Proof<'a> {
    old: Side<'a>,
    new: Side<'a>,
    fixes: &'a [&'a Fix],
    merged: &'a Merged<'a>,
    /// All edits by place, with the number of their fix. Of two one begins behind the other's end, or both are equal.
    edits: Vec<(Span, usize)>,
    safety: Safety,
    dialect: Dialect,
}

impl Proof<'_> {
    fn taken(&self) -> impl Iterator<Item = (usize, &Fix)> {
        self.merged.taken.iter().map(|&at| (at, self.fixes[at]))
    }

    /// The fixes with an edit that reaches into `place`, ends included.
    fn blame(&self, place: Span, why: Refusal, refused: &mut BTreeMap<usize, Refusal>) -> bool {
        let first = self.edits.partition_point(|(span, _)| span.end < place.start);
        let reach = self.edits[first..]
            .iter()
            .take_while(|(span, _)| span.start <= place.end);
        let mut found = false;
        for &(_, at) in reach {
            refused.entry(at).or_insert(why);
            found = true;
        }
        found
    }

    fn blame_all(&self, why: Refusal, refused: &mut BTreeMap<usize, Refusal>) {
        for (at, _) in self.taken() {
            refused.entry(at).or_insert(why);
        }
    }

    /// An edit that takes in a comment line and more brings its text along.
    fn comments(&self, refused: &mut BTreeMap<usize, Refusal>) {
        for (at, fix) in self.taken() {
            for edit in &fix.edits {
                let (start, end) = (edit.span.start as usize, edit.span.end as usize);
                if !self.old.text[start..end].contains('\n') {
                    continue;
                }
                let first = self.old.text[..start].rfind('\n').map_or(0, |end| end + 1);
                let lines = self.old.text[first..end].lines().map(str::trim);
                let mut comments = lines.filter(|line| line.starts_with('#'));
                if comments.any(|comment| !edit.text.contains(comment)) && !is_comment(&self.old.text[start..end]) {
                    refused.entry(at).or_insert(Refusal::Comment);
                }
            }
        }
    }

    fn directives(&self, refused: &mut BTreeMap<usize, Refusal>) {
        let (old, new) = (&self.old.parsed.dockerfile, &self.new.parsed.dockerfile);
        let meaning = |directives: &[Directive]| -> BTreeSet<(String, String)> {
            let all = directives.iter();
            all.map(|directive| (directive.key.clone(), directive.value.clone()))
                .collect()
        };
        let (before, after) = (meaning(&old.directives), meaning(&new.directives));
        if before == after && old.escape == new.escape {
            return;
        }
        // Only a fix that wants a look may touch them, and what it must not touch is how the file is read.
        let top = old
            .instructions
            .first()
            .map_or(self.old.text.len() as u32, |first| first.span.start);
        let only_checks = before.symmetric_difference(&after).all(|(key, _)| key == "check");
        for (at, fix) in self.taken() {
            let reaches = fix.edits.iter().any(|edit| edit.span.start <= top);
            if reaches && !only_checks && (self.safety == Safety::Safe || old.escape != new.escape) {
                refused.insert(at, Refusal::Directive);
            }
        }
    }

    fn instructions(&self, refused: &mut BTreeMap<usize, Refusal>) {
        let old = &self.old.parsed.dockerfile.instructions;
        let new = &self.new.parsed.dockerfile.instructions;
        let touched = self.touched(old);
        let mut place = self.merged.offsets(self.old.text);
        let (mut old_from, mut new_from) = (0_usize, 0_usize);
        for (at, instruction) in old.iter().enumerate() {
            if touched[at] {
                continue;
            }
            let start = place(instruction.span.start);
            let found = new_from + new[new_from..].partition_point(|other| i64::from(other.span.start) < start);
            let same = new
                .get(found)
                .is_some_and(|other| i64::from(other.span.start) == start && is_equal(instruction, other));
            if !same {
                // What comes before swallowed it.
                let from = old_from.checked_sub(1).map_or(0, |before| old[before].span.end);
                if !self.blame(Span::new(from, instruction.span.start), Refusal::Elsewhere, refused) {
                    self.blame_all(Refusal::Elsewhere, refused);
                }
                return;
            }
            self.region(old_from..at, new_from..found, refused);
            (old_from, new_from) = (at + 1, found + 1);
        }
        self.region(old_from..old.len(), new_from..new.len(), refused);
    }

    /// Which instructions an edit reaches into, their ends included.
    fn touched(&self, old: &[Instruction]) -> Vec<bool> {
        let mut edits = self.merged.edits.iter().peekable();
        let mut touched = Vec::with_capacity(old.len());
        for instruction in old {
            let start = instruction.span.start;
            while edits
                .next_if(|edit| edit.span.end < start || self.ends_above(edit, start))
                .is_some()
            {}
            // An edit may reach into several instructions, so it stays for the next one.
            touched.push(edits.peek().is_some_and(|edit| edit.span.start <= instruction.span.end));
        }
        touched
    }

    /// Whether `edit` changes lines above the one that begins at `start`, and nothing of that line.
    fn ends_above(&self, edit: &Edit, start: u32) -> bool {
        let before = &self.old.text[..edit.span.start as usize];
        let line_begins = match edit.text.is_empty() {
            true => before.is_empty() || before.ends_with('\n'),
            false => edit.text.ends_with('\n'),
        };
        edit.span.end == start && line_begins
    }

    /// Instructions that edits touched, with what became of them.
    fn region(&self, old_range: Range<usize>, new_range: Range<usize>, refused: &mut BTreeMap<usize, Refusal>) {
        let all_old = &self.old.parsed.dockerfile.instructions;
        let all_new = &self.new.parsed.dockerfile.instructions;
        if old_range.is_empty() && new_range.is_empty() {
            return;
        }
        let (old, new) = (&all_old[old_range.clone()], &all_new[new_range.clone()]);
        // From the instruction before to the one behind: edits may stand between.
        let start = old_range
            .start
            .checked_sub(1)
            .map_or(0, |before| all_old[before].span.end + 1);
        let end = all_old
            .get(old_range.end)
            .map_or(self.old.text.len() as u32, |next| next.span.start);
        let place = Span::new(start, end.max(start));
        let errors_before = self.errors(self.old, &old_range);
        let errors_after = self.errors(self.new, &new_range);
        if errors_after
            .iter()
            .any(|(code, count)| errors_before.get(code).is_none_or(|before| before < count))
        {
            self.blame(place, Refusal::Broken, refused);
            return;
        }
        if self.safety == Safety::Unsafe {
            return;
        }
        // From the end, for of several that replace each other it is the last that stays.
        let mut new = new.iter().rev().peekable();
        for (at, instruction) in old_range.zip(old).rev() {
            if new.next_if(|new| is_safe(instruction, new, self.dialect)).is_none() && !is_removable(all_old, at) {
                if !self.blame(instruction.span, Refusal::Unproven, refused) {
                    self.blame(place, Refusal::Unproven, refused);
                }
                return;
            }
        }
        if new.next().is_some() {
            self.blame(place, Refusal::Unproven, refused);
        }
    }

    /// How many errors of each kind the instructions of a range have.
    fn errors<'b>(&self, side: Side<'b>, range: &Range<usize>) -> BTreeMap<&'b str, usize> {
        let all = &side.parsed.dockerfile.instructions;
        let start = range.start.checked_sub(1).map_or(0, |before| all[before].span.end);
        let end = all.get(range.end).map_or(u32::MAX, |next| next.span.start);
        let start_of = |one: &Diagnostic| one.span.map_or(0, |span| span.start);
        let sorted = &side.parsed.diagnostics;
        let first = sorted.partition_point(|one| start_of(one) < start);
        let inside = sorted[first..].iter().take_while(|one| start_of(one) < end);
        let mut counts = BTreeMap::new();
        for error in inside.filter(|one| one.severity == Severity::Error) {
            *counts.entry(error.code).or_insert(0) += 1;
        }
        counts
    }
}

/// Whether two instructions are the same in all but their places.
fn is_equal(one: &Instruction, other: &Instruction) -> bool {
    let bodies = |instruction: &Instruction| -> Vec<String> {
        let heredocs = instruction.heredocs.iter();
        heredocs
            .map(|heredoc| format!("{} {}", heredoc.name, heredoc.raw_body))
            .collect()
    };
    // The tree of an instruction is made of these and the escape character.
    one.text == other.text && bodies(one) == bodies(other)
}

/// Whether a text is nothing but comments: an edit that takes it means the comments.
fn is_comment(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with('#'))
}
