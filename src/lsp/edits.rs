//! Changes to a file, as a client wants them.

use super::message::Refusal;
use super::page::Page;
use super::place::Range;
use super::server::Client;
use crate::diagnostic::Span;
use crate::format::format;
use crate::lint::Edit;
use serde_json::{Value, json};
use similar::{DiffOp, TextDiff};

/// Lines of a file in which single changes are looked for. Finding them takes time with the square of their number.
const MOST_LINES: usize = 5_000;

/// Lays the whole file out. One with errors stays as it is; its diagnostics say why.
pub(super) fn formatting(page: &Page) -> Result<Value, Refusal> {
    if page.refused().is_some() {
        return Ok(Value::Null);
    }
    Ok(format(page.text()).map_or(Value::Null, |new| difference(page, &new).into()))
}

/// The changes that make `new` of the file, in order and apart.
pub(super) fn difference(page: &Page, new: &str) -> Vec<Value> {
    let old = page.text();
    let (before, after) = (pieces(old), pieces(new));
    if before.len().max(after.len()) > MOST_LINES {
        return whole(page, &before, &after);
    }
    let diff = TextDiff::configure().diff_slices(&before, &after);
    let ops = diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
    let mut at = (0, 0);
    ops.map(|op| {
        let (old, new) = (op.old_range(), op.new_range());
        let skipped: usize = before[at.0..old.start].iter().map(|line| line.len()).sum();
        let start = at.1 + skipped;
        let end = start + before[old.clone()].iter().map(|line| line.len()).sum::<usize>();
        at = (old.end, end);
        change(page, Span::new(start as u32, end as u32), &after[new].concat())
    })
    .collect()
}

/// One change between the first and the last line that differ.
fn whole(page: &Page, before: &[&str], after: &[&str]) -> Vec<Value> {
    let same = |pairs: usize| pairs.min(before.len()).min(after.len());
    let head = before.iter().zip(after).take_while(|(old, new)| old == new).count();
    let tail = before[head..].iter().rev().zip(after[head..].iter().rev());
    let tail = same(tail.take_while(|(old, new)| old == new).count());
    if before.len() == head + tail && after.len() == head + tail {
        return Vec::new();
    }
    let length = |lines: &[&str]| lines.iter().map(|line| line.len()).sum::<usize>();
    let start = length(&before[..head]);
    let end = start + length(&before[head..before.len() - tail]);
    let new = after[head..after.len() - tail].concat();
    vec![change(page, Span::new(start as u32, end as u32), &new)]
}

fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// `new` in place of the bytes at `span`.
pub(super) fn change(page: &Page, span: Span, new: &str) -> Value {
    replace(page.range(span), new)
}

/// `new` in place of what is at `range`.
pub(super) fn replace(range: Range, new: &str) -> Value {
    json!({ "range": range, "newText": new })
}

/// The edits of a fix.
pub(super) fn changes(page: &Page, edits: &[Edit]) -> Vec<Value> {
    edits.iter().map(|edit| change(page, edit.span, &edit.text)).collect()
}

/// Changes of this file and no other.
pub(super) fn of_workspace(page: &Page, changes: Vec<Value>, client: &Client) -> Value {
    match client.versioned_edits {
        true => json!({ "documentChanges": [{
            "textDocument": { "uri": page.uri, "version": page.version },
            "edits": changes,
        }] }),
        false => {
            let mut files = serde_json::Map::new();
            files.insert(page.uri.clone(), changes.into());
            json!({ "changes": files })
        }
    }
}
