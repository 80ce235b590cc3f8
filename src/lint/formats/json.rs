//! One list of objects: hadolint's fields, and behind them what it does not know.

use super::{Linted, Report};
use crate::diagnostic::{Position, Span};
use crate::lint::{Fix, Safety};
use serde_json::{Value, json};
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut between = "[";
    for (file, finding) in report.findings() {
        let place = report.place(file, finding);
        let mut object = json!({
            "code": finding.code,
            "column": place.column,
            "file": file.source.name(),
            "level": finding.level.word(),
            "line": place.line,
            "message": finding.message,
        });
        if !report.as_hadolint {
            object["start"] = position(file, finding.span.start);
            object["end"] = position(file, finding.span.end);
            object["help"] = json!(finding.help);
            object["fix"] = finding.fix.as_ref().map_or(Value::Null, |fix| self::fix(file, fix));
        }
        write!(out, "{between}{object}")?;
        between = ",";
    }
    match between {
        "[" => out.write_all(b"[]"),
        _ => out.write_all(b"]"),
    }
}

fn fix(file: &Linted, fix: &Fix) -> Value {
    let edits: Vec<Value> = fix
        .edits
        .iter()
        .map(|edit| {
            let Span { start, end } = edit.span;
            json!({
                "start": position(file, start),
                "end": position(file, end),
                "text": edit.text,
            })
        })
        .collect();
    json!({
        "title": fix.title,
        "safe": fix.safety == Safety::Safe,
        "edits": edits,
    })
}

/// Line and column count from 1, columns in characters; the offset is in bytes.
fn position(file: &Linted, offset: u32) -> Value {
    let Position { line, column } = file.source.position(offset);
    json!({ "line": line, "column": column, "offset": offset })
}
