//! Edits of shell text in a file.

use super::{Command, Form, Link, Run, Text};
use crate::diagnostic::Span;
use crate::lint::Edit;
use crate::lint::document::Document;
use std::ops::Range;

impl Run<'_> {
    /// Puts `new`, a word, behind the word `after`. `None` where that is no whole member of a JSON array.
    pub fn add_word(&self, document: &Document<'_>, after: &Text, new: &str) -> Option<Edit> {
        if self.form != Form::Exec {
            return Some(Edit::insert(after.span.end, format!(" {new}")));
        }
        self.is_member(document, after)
            .then(|| Edit::insert(after.span.end + 1, format!(", \"{new}\"")))
    }

    /// Puts `new` in place of the word `old`. `None` where that is no whole member of a JSON array.
    pub fn replace_word(&self, document: &Document<'_>, old: &Text, new: &str) -> Option<Edit> {
        (self.form != Form::Exec || self.is_member(document, old)).then(|| Edit::replace(old.span, new))
    }

    /// Puts `&& new` behind `command`, which must stand at the top and not in a pipe or in the background.
    pub fn add_command(&self, command: &Command, new: &str) -> Option<Edit> {
        let fits = self.form == Form::Shell
            && self.run.heredocs.is_empty()
            && command.depth == 0
            && command.pipe.is_none()
            && !matches!(command.after, Some(Link::Or | Link::Background | Link::Pipe));
        let ends = command.redirects.iter().map(|redirect| redirect.span.end);
        let end = ends.chain([command.span.end]).max()?;
        fits.then(|| Edit::insert(end, format!(" && {new}")))
    }

    fn is_member(&self, document: &Document<'_>, word: &Text) -> bool {
        let around = Span::new(word.span.start.saturating_sub(1), word.span.end + 1);
        let around = document.text(around);
        around.len() >= 2 && around.starts_with('"') && around.ends_with('"')
    }
}

/// Puts `text` in place of these bytes of the script. `None` where a continuation or the like stands among them.
pub(in crate::lint) fn edit_of(run: &Run<'_>, range: Range<usize>, text: &str) -> Option<Edit> {
    if range.is_empty() {
        // At a line break: with the word that it belongs to.
        let before = range.start.checked_sub(1).filter(|at| {
            let byte = run.script.text.as_bytes().get(*at);
            byte.is_some_and(|byte| !byte.is_ascii_whitespace())
        });
        let at = match before {
            Some(at) => run.script.span(at..at + 1).end,
            None => run.script.span(range.start..range.start + 1).start,
        };
        return Some(Edit::insert(at, text));
    }
    run.script
        .is_exact(range.clone())
        .then(|| Edit::replace(run.script.span(range), text))
}
