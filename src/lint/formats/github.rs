//! Workflow commands of GitHub Actions: what they print on standard output becomes annotations.

use super::Report;
use crate::lint::Level;
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    for (file, finding) in report.findings() {
        let kind = match finding.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info | Level::Style => "notice",
        };
        let (start, end) = report.range(file, finding);
        write!(out, "::{kind} file={},line={}", property(report.path(file)), start.line)?;
        if end.line > start.line {
            // Columns of several lines are refused.
            write!(out, ",endLine={}", end.line)?;
        } else {
            write!(out, ",endLine={},col={}", start.line, start.column)?;
            write!(out, ",endColumn={}", end.column.max(start.column))?;
        }
        let message = match finding.help.as_slice() {
            [] => data(&finding.message),
            help => data(&format!("{}\n{}", finding.message, help.join("\n"))),
        };
        writeln!(out, ",title={}::{message}", property(&finding.code))?;
    }
    Ok(())
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
