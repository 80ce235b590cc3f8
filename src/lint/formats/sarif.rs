//! SARIF 2.1.0, with the rules and the fixes.

use super::fingerprint::Fingerprints;
use super::{Linted, Report, language};
use crate::lint::{Finding, Fix, Level, Rule, Safety, find};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

pub(super) fn write(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let codes: BTreeMap<&str, Level> = (report.findings())
        .map(|(_, finding)| (finding.code.as_ref(), finding.level))
        .collect();
    let indices: BTreeMap<&str, usize> = (codes.keys()).enumerate().map(|(at, code)| (*code, at)).collect();
    let rules: Vec<Value> = (codes.iter())
        .map(|(code, level)| match find(code) {
            Some(rule) => described(rule),
            None => json!({
                "id": code,
                "defaultConfiguration": { "level": word(*level) },
                "helpUri": format!("https://www.shellcheck.net/wiki/{code}"),
            }),
        })
        .collect();
    let mut fingerprints = Fingerprints::default();
    // One result at a time, since there may be many.
    write!(
        out,
        r#"{{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{{"tool":{{"driver":{}}},"defaultSourceLanguage":"dockerfile","columnKind":"unicodeCodePoints","results":["#,
        json!({
            "name": report.tool(),
            "version": env!("CARGO_PKG_VERSION"),
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "shortDescription": { "text": "Finds what is unwise in Dockerfiles" },
            "rules": rules,
        })
    )?;
    let mut between = "";
    for (file, finding) in report.findings() {
        let fingerprint = fingerprints.next(file.source.name(), file, finding);
        let index = indices.get(finding.code.as_ref()).copied().unwrap_or_default();
        write!(out, "{between}{}", result(report, file, finding, index, &fingerprint))?;
        between = ",";
    }
    out.write_all(b"]}]}")
}

fn result(report: &Report<'_>, file: &Linted, finding: &Finding, index: usize, fingerprint: &str) -> Value {
    let (start, end) = report.range(file, finding);
    let mut text = finding.message.clone();
    for help in &finding.help {
        text.push('\n');
        text.push_str(help);
    }
    let mut result = json!({
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": word(finding.level),
        "message": { "text": text },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(file.source.name()) },
                "region": {
                    "startLine": start.line,
                    "startColumn": start.column,
                    "endLine": end.line,
                    "endColumn": end.column,
                    "sourceLanguage": language(finding),
                },
            },
        }],
        "partialFingerprints": { "varve/v1": fingerprint },
    });
    if let Some(fix) = finding.fix.as_ref().filter(|_| !report.as_hadolint) {
        result["fixes"] = json!([self::fix(file, fix)]);
    }
    result
}

fn fix(file: &Linted, fix: &Fix) -> Value {
    let replacements: Vec<Value> = fix
        .edits
        .iter()
        .map(|edit| {
            let (start, end) = (
                file.source.position(edit.span.start),
                file.source.position(edit.span.end),
            );
            json!({
                "deletedRegion": {
                    "startLine": start.line,
                    "startColumn": start.column,
                    "endLine": end.line,
                    "endColumn": end.column,
                },
                "insertedContent": { "text": edit.text },
            })
        })
        .collect();
    let title = match fix.safety {
        Safety::Safe => fix.title.clone(),
        Safety::Unsafe => format!("{} (to be looked at)", fix.title),
    };
    json!({
        "description": { "text": title },
        "artifactChanges": [{
            "artifactLocation": { "uri": uri(file.source.name()) },
            "replacements": replacements,
        }],
    })
}

fn described(rule: &Rule) -> Value {
    let docs = &rule.docs;
    let mut described = json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": { "text": plain(docs.what) },
        "fullDescription": { "text": plain(&format!("{} {}", docs.what, docs.why)) },
        "help": {
            "text": plain(&format!("{}\n\n{}", docs.what, docs.why)),
            "markdown": format!(
                "{}\n\n{}\n\n```dockerfile\n{}```\n\nInstead:\n\n```dockerfile\n{}```\n",
                docs.what, docs.why, docs.example, docs.instead
            ),
        },
        "defaultConfiguration": { "level": word(rule.level) },
        "properties": { "tags": [format!("{:?}", rule.family).to_lowercase()] },
    });
    if let Some(address) = docs
        .references
        .iter()
        .find(|reference| reference.starts_with("https://"))
    {
        described["helpUri"] = (*address).into();
    }
    described
}

fn plain(markdown: &str) -> String {
    markdown.replace('`', "'")
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info | Level::Style => "note",
    }
}

/// A path as a reference to a file: what is no plain character goes in percents.
fn uri(path: &str) -> String {
    let mut uri = match path.starts_with('/') {
        true => "file://".to_owned(),
        false => String::new(),
    };
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}
