//! The report of an installed `shellcheck`.

use super::prelude::Unit;
use super::{Remark, findings};
use crate::lint::document::Document;
use crate::lint::finding::{Finding, Level};
use serde::Deserialize;
use std::collections::HashMap;
use std::ops::Range;

/// What `shellcheck` is called with, in front of the files.
pub const ARGUMENTS: &[&str] = &[
    "--norc",
    "--format=json1",
    "--severity=style",
    "--exclude=SC1090,SC1091,SC2187",
];

/// What `shellcheck --format=json1` printed about any number of files.
#[derive(Debug, Clone, Default)]
pub struct Report {
    comments: HashMap<String, Vec<Comment>>,
}

/// Why a report can't be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot read what `shellcheck` printed")]
pub struct ReportError {
    #[from]
    source: serde_json::Error,
}

#[derive(Debug, Deserialize)]
struct Printed {
    comments: Vec<Comment>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    file: String,
    #[serde(flatten)]
    place: Place,
    level: String,
    code: u32,
    message: String,
    fix: Option<Replacements>,
}

#[derive(Debug, Clone, Deserialize)]
struct Replacements {
    replacements: Vec<Replacement>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Replacement {
    #[serde(flatten)]
    place: Place,
    insertion_point: String,
    replacement: String,
}

/// Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    line: u32,
    end_line: u32,
    column: u32,
    end_column: u32,
}

impl Report {
    /// Reads what `shellcheck` printed with [`ARGUMENTS`].
    ///
    /// # Errors
    ///
    /// When that is not its JSON.
    pub fn parse(printed: &[u8]) -> Result<Self, ReportError> {
        let printed: Printed = serde_json::from_slice(printed)?;
        let mut comments: HashMap<String, Vec<Comment>> = HashMap::new();
        for comment in printed.comments {
            comments.entry(comment.file.clone()).or_default().push(comment);
        }
        Ok(Self { comments })
    }

    /// What it says about `unit` of `document`, whose text was in the file called `file` on the command line.
    pub fn findings(&self, document: &Document<'_>, unit: &Unit, file: &str) -> Vec<Finding> {
        let lines = Lines::new(&unit.text);
        let comments = self.comments.get(file).map_or(&[][..], Vec::as_slice);
        let remarks = comments.iter().filter(|comment| comment.place.line > unit.lines);
        findings(
            document,
            unit,
            remarks.filter_map(|comment| remark(&lines, comment)).collect(),
        )
    }
}

fn remark(lines: &Lines<'_>, comment: &Comment) -> Option<Remark> {
    let replacements = comment.fix.iter().flat_map(|fix| &fix.replacements);
    let edits: Option<Vec<_>> = replacements
        .map(|edit| {
            let range = lines.range(edit.place)?;
            // Of two texts for one place ShellCheck says which comes first; that is left to it.
            let _ = &edit.insertion_point;
            Some((range, edit.replacement.clone()))
        })
        .collect();
    Some(Remark {
        code: format!("SC{:04}", comment.code),
        level: Level::from_word(&comment.level).unwrap_or(Level::Warning),
        message: comment.message.clone(),
        range: lines.range(comment.place)?,
        edits: edits.unwrap_or_default(),
    })
}

/// Where the lines of a text begin.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    fn range(&self, place: Place) -> Option<Range<usize>> {
        let start = self.offset(place.line, place.column)?;
        Some(start..self.offset(place.end_line, place.end_column)?.max(start))
    }

    fn offset(&self, line: u32, column: u32) -> Option<usize> {
        let start = *self.starts.get((line as usize).checked_sub(1)?)?;
        let rest = &self.text[start..];
        let line = rest.split('\n').next().unwrap_or_default();
        let skip = (column as usize).checked_sub(1)?;
        let inside = line.char_indices().nth(skip).map_or(line.len(), |(at, _)| at);
        Some(start + inside)
    }
}
