//! Generic issues of SonarQube.

use super::Report;
use crate::lint::Level;
use serde_json::json;
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    out.write_all(b"{\"issues\":[")?;
    let mut between = "";
    for (file, finding) in report.findings() {
        let (start, end) = report.range(file, finding);
        let is_broken = finding.code == "DL1000";
        // Columns count from 0 there, and a range may not be empty.
        let range = if report.as_hadolint && is_broken {
            json!({ "startLine": start.line, "endLine": start.line, "startColumn": start.column, "endColumn": start.column })
        } else if report.as_hadolint {
            json!({ "startLine": start.line, "endLine": start.line, "startColumn": 0, "endColumn": 1 })
        } else if end > start {
            json!({
                "startLine": start.line, "endLine": end.line,
                "startColumn": start.column - 1, "endColumn": end.column - 1,
            })
        } else {
            json!({ "startLine": start.line })
        };
        let (severity, kind) = match finding.level {
            _ if is_broken => ("BLOCKER", "BUG"),
            Level::Error => ("CRITICAL", "BUG"),
            Level::Warning => ("MAJOR", "CODE_SMELL"),
            Level::Info => ("MINOR", "CODE_SMELL"),
            Level::Style => ("INFO", "CODE_SMELL"),
        };
        let engine = if report.as_hadolint { "Hadolint" } else { "varve" };
        let issue = json!({
            "engineId": engine,
            "ruleId": finding.code,
            "severity": severity,
            "type": kind,
            "primaryLocation": {
                "message": finding.message,
                "filePath": report.path(file),
                "textRange": range,
            },
        });
        write!(out, "{between}{issue}")?;
        between = ",";
    }
    out.write_all(b"]}")
}
