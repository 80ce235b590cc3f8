//! ShellCheck's findings about RUN, at the place in the Dockerfile that they are about.
//!
//! Two ways lead to them. [`built_in`] looks at the scripts here and now, by a port of most of ShellCheck. For an
//! installed `shellcheck` the caller writes the [`Unit::text`] of all [`units`] of a whole run into files, starts one
//! process with [`ARGUMENTS`] and the files, and gives what it printed to [`Report::parse`]; [`Report::findings`] then
//! finds the ones of a unit by its file name. Either way the result is sorted by place, holds a code once per place,
//! and leaves levels to [`Selection::apply`](super::Selection::apply).

#[cfg(feature = "shellcheck")]
mod engine;
mod external;
mod prelude;

pub use external::{ARGUMENTS, Report, ReportError};
pub use prelude::{Unit, units};

use super::document::Document;
use super::edit_of;
use super::finding::{Finding, Level};
use super::fix::{Fix, Safety};
use super::shell::Run;
use std::borrow::Cow;
use std::ops::Range;

/// What [`built_in`] is, for reports: name and version. `None` when this build of varve has it not.
pub const ENGINE: Option<&str> = match cfg!(feature = "shellcheck") {
    true => Some("shuck-linter 0.2.8"),
    false => None,
};

/// Findings that hadolint leaves out: ash is fine, and sourced files can't be followed.
const EXCLUDED: &[&str] = &["SC1090", "SC1091", "SC2187"];

/// What the port of ShellCheck finds in all RUNs; nothing when [`ENGINE`] is `None`.
pub fn built_in(document: &Document<'_>) -> Vec<Finding> {
    #[cfg(feature = "shellcheck")]
    return units(document)
        .iter()
        .flat_map(|unit| engine::findings(document, unit))
        .collect();
    #[cfg(not(feature = "shellcheck"))]
    {
        let _ = document;
        Vec::new()
    }
}

/// What either way says about one place of a unit's text.
#[derive(Debug)]
struct Remark {
    /// `SC2086`.
    code: String,
    level: Level,
    message: String,
    /// Bytes of [`Unit::text`].
    range: Range<usize>,
    /// Bytes of [`Unit::text`] and what is to stand there.
    edits: Vec<(Range<usize>, String)>,
}

/// The findings that `remarks` about `unit` are.
fn findings(document: &Document<'_>, unit: &Unit, remarks: Vec<Remark>) -> Vec<Finding> {
    let Some(run) = document.runs().get(unit.run) else {
        return Vec::new();
    };
    if run.script.unread {
        return Vec::new();
    }
    let broken = run.script.broken;
    let mut found: Vec<Finding> = remarks
        .into_iter()
        .filter(|remark| !EXCLUDED.contains(&&*remark.code))
        // What is said about text that could not be read is guessed.
        .filter(|remark| !broken || remark.code.starts_with("SC1"))
        .filter_map(|remark| finding(run, unit, remark))
        .collect();
    if broken && found.iter().all(|finding| finding.code != "SC1072") {
        let end = run.script.text.trim_end().len();
        found.push(Finding {
            code: Cow::Borrowed("SC1072"),
            level: Level::Error,
            message: "the text is no valid shell script".to_owned(),
            span: run.script.span(0..end),
            line: run.instruction.lines.0,
            help: Vec::new(),
            fix: None,
        });
    }
    found.sort_by(|one, other| (one.span, &one.code).cmp(&(other.span, &other.code)));
    found.dedup_by(|one, other| one.span == other.span && one.code == other.code);
    found
}

fn finding(run: &Run<'_>, unit: &Unit, remark: Remark) -> Option<Finding> {
    let in_script = |range: &Range<usize>| {
        let start = range.start.checked_sub(unit.prelude)?;
        let end = range.end.checked_sub(unit.prelude)?;
        (end <= run.script.text.len() && start <= end).then_some(start..end)
    };
    let range = in_script(&remark.range)?;
    let code = Cow::Owned(remark.code);
    let safety = match &*code {
        // Splitting may be what was meant.
        "SC2046" | "SC2086" => Some(("quote it", Safety::Unsafe)),
        "SC2006" => match run
            .script
            .text
            .get(range.clone())
            .is_some_and(|text| !text.contains('\\'))
        {
            true => Some(("write it as `$(…)`", Safety::Safe)),
            false => Some(("write it as `$(…)`", Safety::Unsafe)),
        },
        _ => None,
    };
    let edits: Option<Vec<_>> = remark
        .edits
        .iter()
        .map(|(range, text)| edit_of(run, in_script(range)?, text))
        .collect();
    let fix = safety.zip(edits).filter(|(_, edits)| !edits.is_empty());
    Some(Finding {
        code,
        level: remark.level,
        message: plain(&remark.message),
        span: run.script.span(range),
        line: run.instruction.lines.0,
        help: Vec::new(),
        fix: fix.map(|((title, safety), edits)| Fix {
            title: title.to_owned(),
            safety,
            edits,
        }),
    })
}

/// A message in the form that all messages have: one line, starts in lower case, ends without a full stop.
fn plain(message: &str) -> String {
    let message = message.trim().trim_end_matches('.').replace(char::is_control, " ");
    let mut letters = message.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(message.chars().skip(1)).collect()
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests;
