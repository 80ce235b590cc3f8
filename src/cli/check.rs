//! `varve build --check`: what BuildKit's checks found, in BuildKit's forms; and the summary that a build ends with.

use super::call::{Asked, Format};
use super::failure::{Exit, Failure};
use crate::build::{self, BuildError, Report, Request};
use crate::diagnostic::Source;
use crate::dockerfile::Parsed;
use crate::layer::Host;
use crate::lint::{Finding, address, find};
use crate::schedule::Cancel;
use crate::store::Store;
use base64::Engine as _;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Looks at the Dockerfile and tells what was found on standard output.
pub(super) fn run(
    store: &Store,
    host: &Host,
    request: Request,
    asked: &Asked,
    cancel: &Arc<Cancel>,
) -> Result<Exit, Failure> {
    let report = build::check(store, host, request, cancel, &|_| ())?;
    let fails = !report.findings.is_empty() || !report.errors.is_empty();
    if asked.format == Format::Json {
        let text = serde_json::to_string_pretty(&as_json(&report)).unwrap_or_default();
        super::print(&text)?;
    } else {
        super::print(&as_text(&report))?;
        if !report.errors.is_empty() {
            let error = BuildError::Dockerfile {
                text: Box::new(report.source),
                diagnostics: report.errors,
            };
            super::note(&error.render(super::color()));
        }
    }
    Ok(match fails && !asked.ignore_status {
        true => Exit::Failed,
        false => Exit::Done,
    })
}

/// What a build ends with, when the checks found something.
pub(super) fn summary(findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    let count = match findings.len() {
        1 => "1 warning".to_owned(),
        many => format!("{many} warnings"),
    };
    let mut text = format!("\n {count} found (use --check to expand):");
    for finding in findings {
        let _ = write!(
            text,
            "\n - {}: {} (line {})",
            finding.code,
            detail(finding),
            finding.line
        );
    }
    super::note(&text);
}

/// The message with what may help, in one line.
fn detail(finding: &Finding) -> String {
    let mut detail = finding.message.clone();
    for help in &finding.help {
        let _ = write!(detail, " ({help})");
    }
    detail
}

fn as_text(report: &Report) -> String {
    let mut text = match report.findings.len() {
        0 if report.errors.is_empty() => return "Check complete, no warnings found.".to_owned(),
        0 => "Check complete, no warnings found, but errors.".to_owned(),
        1 => "Check complete, 1 warning has been found!".to_owned(),
        many => format!("Check complete, {many} warnings have been found!"),
    };
    for finding in &report.findings {
        let address = find(&finding.code).and_then(address);
        let address = address.map(|address| format!(" - {address}")).unwrap_or_default();
        let _ = write!(text, "\n\nWARNING: {}{address}\n{}\n", finding.code, detail(finding));
        text.push_str(&excerpt(&report.source, lines(&report.parsed, finding)));
    }
    text
}

/// The lines of an instruction between a few of their neighbours.
fn excerpt(source: &Source, (first, last): (u32, u32)) -> String {
    // A line end at the end of the file begins one more line.
    let count = source.text().matches('\n').count() as u32 + 1;
    let room = if first == last { 4 } else { 2 };
    let (mut start, mut end, mut shown) = (first, last.min(count), 0);
    while shown < room {
        if start > 1 {
            start -= 1;
            shown += 1;
        }
        if end != count {
            end += 1;
            shown += 1;
        }
        shown += 1;
    }
    let rule = "--------------------";
    let mut text = format!("{}:{first}\n{rule}\n", source.name());
    for line in start..=end {
        let mark = if (first..=last).contains(&line) { ">>>" } else { "   " };
        let _ = writeln!(text, " {line:3} | {mark} {}", source.line(line));
    }
    text.push_str(rule);
    text
}

/// The lines that BuildKit names: those of the whole instruction when a finding names its first one.
fn lines(parsed: &Parsed, finding: &Finding) -> (u32, u32) {
    let instructions = &parsed.dockerfile.instructions;
    let next = instructions.partition_point(|instruction| instruction.lines.1 < finding.line);
    match instructions.get(next) {
        Some(instruction) if instruction.lines.0 == finding.line => instruction.lines,
        _ => (finding.line, finding.line),
    }
}

fn as_json(report: &Report) -> Value {
    let range = |(first, last): (u32, u32)| json!({"ranges": [{"start": {"line": first}, "end": {"line": last}}]});
    let warnings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let rule = find(&finding.code);
            let mut warning = json!({
                "ruleName": finding.code,
                "description": rule.map(|rule| rule.docs.what),
                "detail": detail(finding),
                "location": range(lines(&report.parsed, finding)),
            });
            if let Some(address) = rule.and_then(address) {
                warning["url"] = json!(address);
            }
            warning
        })
        .collect();
    let name = Path::new(report.source.name());
    let name = name.file_name().unwrap_or(name.as_os_str()).to_string_lossy();
    let mut all = json!({
        "warnings": warnings,
        "sources": [{
            "filename": name,
            "language": "Dockerfile",
            "data": base64::engine::general_purpose::STANDARD.encode(report.source.text()),
        }],
    });
    if let Some(error) = report.errors.first() {
        let line = error.span.map_or(1, |span| report.source.position(span.start).line);
        all["buildError"] = json!({"message": error.message, "location": range((line, line))});
    }
    all
}
