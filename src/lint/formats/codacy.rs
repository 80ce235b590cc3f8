//! Objects as Codacy reads them, one after another.

use super::Report;
use serde_json::json;
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    for (file, finding) in report.findings() {
        let object = json!({
            "filename": file.source.name(),
            "line": report.place(file, finding).line,
            "message": finding.message,
            "patternId": finding.code,
        });
        write!(out, "{object}")?;
    }
    Ok(())
}
