//! What can be folded: stages, instructions of several lines, heredocs, and comments in a row.

use super::page::Page;
use serde_json::{Value, json};

/// All ranges, sorted by their first line.
pub(super) fn all(page: &Page) -> Value {
    let document = page.document();
    let mut folds: Vec<(u32, u32, Option<&str>)> = Vec::new();
    for stage in document.stages() {
        let last = document.instructions_of(stage).last().unwrap_or(stage.from);
        folds.push((stage.from.lines.0, last.lines.1, Some("region")));
    }
    for instruction in page.instructions() {
        let (first, last) = instruction.lines;
        match instruction.heredocs.as_slice() {
            [] => folds.push((first, last, None)),
            heredocs => {
                let line_of = |offset| document.source.position(offset).line;
                let opening = line_of(heredocs[0].body_span.start).saturating_sub(1);
                folds.push((first, opening, None));
                folds.extend(heredocs.iter().map(|heredoc| {
                    let first = line_of(heredoc.body_span.start).saturating_sub(1);
                    (first, line_of(heredoc.body_span.end), None)
                }));
            }
        }
    }
    let mut comments = document.comments().iter().map(|comment| comment.line).peekable();
    while let Some(first) = comments.next() {
        let mut last = first;
        while comments.next_if_eq(&(last + 1)).is_some() {
            last += 1;
        }
        folds.push((first, last, Some("comment")));
    }
    folds.retain(|(first, last, _)| first < last);
    folds.sort_unstable();
    // One line begins one fold.
    folds.dedup_by_key(|(first, last, _)| (*first, *last));
    let folds = folds.into_iter().map(|(first, last, kind)| {
        let mut fold = json!({ "startLine": first - 1, "endLine": last - 1 });
        if let Some(kind) = kind {
            fold["kind"] = kind.into();
        }
        fold
    });
    folds.collect()
}
