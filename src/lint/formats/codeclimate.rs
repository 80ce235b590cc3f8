//! Issues of Code Climate, and the list of them that GitLab reads.

use super::fingerprint::Fingerprints;
use super::{Linted, Report};
use crate::lint::{Finding, Level};
use serde_json::{Value, json};
use std::io;

/// Each issue ends with a NUL byte.
pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    for (file, finding) in report.findings() {
        write!(out, "{}\0", issue(report, file, finding))?;
    }
    Ok(())
}

/// One list, each issue with a name of its own.
pub(super) fn write_gitlab(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut fingerprints = Fingerprints::default();
    let mut between = "[";
    for (file, finding) in report.findings() {
        let mut issue = issue(report, file, finding);
        issue["fingerprint"] = fingerprints.next(report.path(file), file, finding).into();
        write!(out, "{between}{issue}")?;
        between = ",";
    }
    match between {
        "[" => out.write_all(b"[]"),
        _ => out.write_all(b"]"),
    }
}

fn issue(report: &Report<'_>, file: &Linted, finding: &Finding) -> Value {
    let place = report.place(file, finding);
    let location = if finding.code == "DL1000" {
        let at = json!({ "line": place.line, "column": place.column });
        json!({ "path": report.path(file), "positions": { "begin": at, "end": at } })
    } else {
        json!({ "path": report.path(file), "lines": { "begin": place.line, "end": place.line } })
    };
    let severity = match finding.level {
        Level::Error => "blocker",
        Level::Warning => "major",
        Level::Info => "info",
        Level::Style => "minor",
    };
    json!({
        "type": "issue",
        "check_name": finding.code,
        "description": finding.message,
        "categories": ["Bug Risk"],
        "location": location,
        "severity": severity,
    })
}
