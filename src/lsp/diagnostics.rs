//! What is wrong with a file: findings of the rules, and what the parser and the binding of stages say.

use super::page::Page;
use super::server::Client;
use crate::diagnostic::{Diagnostic, Severity, Span};
use crate::dockerfile::Instruction;
use crate::lint::{Document, Finding, Level, find};
use crate::oci::Platform;
use crate::resolve::{Inputs, bind};
use serde_json::{Value, json};

/// Diagnostics that a client is told of a file.
const MOST: usize = 2_000;

/// The rule that repeats what the parser says.
const SYNTAX: &str = "DL1000";

/// Rules about words that are on their way out.
const DEPRECATED: [&str; 4] = ["DL4000", "MaintainerDeprecated", "LegacyKeyValueFormat", "VV311"];

/// Rules about words that could as well not be there.
const UNNECESSARY: [&str; 6] = ["VV001", "VV002", "VV301", "VV302", "DL3065", "RedundantTargetPlatform"];

/// Rules about an instruction of which a stage has several, where the last one counts.
const REPEATED: [&str; 4] = ["DL3012", "DL4003", "DL4004", "MultipleInstructionsDisallowed"];

/// Rules about stages of the same name.
const SAME_NAME: [&str; 2] = ["DL3024", "DuplicateStageName"];

/// Everything there is to say about the file, sorted by place.
pub(super) fn all(page: &Page, client: &Client) -> Vec<Value> {
    let problems = of_text(page);
    let document = page.document();
    let mut all: Vec<(Span, Told<'_>)> = problems
        .iter()
        .map(|problem| (problem.span.unwrap_or_default(), Told::Problem(problem)))
        .collect();
    let findings = page.findings().iter().filter(|finding| !is_syntax(page, finding));
    all.extend(findings.map(|finding| (finding.span, Told::Finding(finding))));
    all.sort_by_key(|(span, _)| *span);
    let shown = all.into_iter().take(MOST).map(|(_, told)| match told {
        Told::Problem(problem) => of_problem(page, problem),
        Told::Finding(finding) => of_finding(page, &document, finding, client),
    });
    shown.collect()
}

/// Something to say.
enum Told<'a> {
    Problem(&'a Diagnostic),
    Finding(&'a Finding),
}

/// Whether a finding only repeats what the parser says.
fn is_syntax(page: &Page, finding: &Finding) -> bool {
    finding.code == SYNTAX && page.refused().is_none()
}

/// What the parser and the binding of stages have to say.
fn of_text(page: &Page) -> Vec<Diagnostic> {
    if page.refused().is_some() {
        return Vec::new();
    }
    let mut problems: Vec<Diagnostic> = page
        .parsed()
        .diagnostics
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .cloned()
        .collect();
    if problems.is_empty() {
        let host = Platform::host();
        let inputs = Inputs {
            build_args: &[],
            target: None,
            contexts: &[],
            build_platform: &host,
            target_platform: &host,
        };
        let bound = bind(&page.parsed().dockerfile, &inputs);
        // Where a variable has a part in it, a build may well give it another value.
        let is_certain = |problem: &Diagnostic| !problem.span.is_some_and(|span| page.slice(span).contains('$'));
        problems.extend(bound.err().unwrap_or_default().into_iter().filter(is_certain));
    }
    problems
}

fn of_problem(page: &Page, problem: &Diagnostic) -> Value {
    let severity = match problem.severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
    };
    let span = problem.span.unwrap_or_default();
    json!({
        "range": page.range(span),
        "severity": number(severity),
        "code": problem.code,
        "source": "varve",
        "message": text(&problem.message, &problem.help),
    })
}

/// One finding.
pub(super) fn of_finding(page: &Page, document: &Document<'_>, finding: &Finding, client: &Client) -> Value {
    let code = finding.code.as_ref();
    let mut told = json!({
        "range": page.range(finding.span),
        "severity": number(finding.level),
        "code": code,
        "source": "varve",
        "message": text(&finding.message, &finding.help),
    });
    if let Some(address) = address(code) {
        told["codeDescription"] = json!({ "href": address });
    }
    let tags: Vec<u8> = [(1, UNNECESSARY.as_slice()), (2, DEPRECATED.as_slice())]
        .into_iter()
        .filter(|(_, codes)| client.tags && codes.contains(&code))
        .map(|(tag, _)| tag)
        .collect();
    if !tags.is_empty() {
        told["tags"] = tags.into();
    }
    let related = if client.related {
        related(page, document, finding)
    } else {
        Vec::new()
    };
    if !related.is_empty() {
        told["relatedInformation"] = related.into();
    }
    told
}

/// Where to read about a rule.
pub(super) fn address(code: &str) -> Option<String> {
    match find(code) {
        Some(rule) => {
            let mut references = rule.docs.references.iter();
            references
                .find(|reference| reference.starts_with("https://"))
                .map(|reference| (*reference).to_owned())
        }
        None => code
            .starts_with("SC")
            .then(|| format!("https://www.shellcheck.net/wiki/{code}")),
    }
}

fn text(message: &str, help: &[String]) -> String {
    let mut text = message.to_owned();
    for help in help {
        text.push('\n');
        text.push_str(help);
    }
    text
}

fn number(level: Level) -> u8 {
    match level {
        Level::Error => 1,
        Level::Warning => 2,
        Level::Info => 3,
        Level::Style => 4,
    }
}

/// Other places that have a part in it.
fn related(page: &Page, document: &Document<'_>, finding: &Finding) -> Vec<Value> {
    let told = |span: Span, message: &str| {
        json!({
            "location": { "uri": page.uri, "range": page.range(span) },
            "message": message,
        })
    };
    let code = finding.code.as_ref();
    if !REPEATED.contains(&code) && !SAME_NAME.contains(&code) {
        return Vec::new();
    }
    let Some(at) = page.instruction_at(finding.span.start) else {
        return Vec::new();
    };
    let Some(stage) = document.stage_at(at) else {
        return Vec::new();
    };
    if REPEATED.contains(&code) {
        let own = &page.instructions()[at];
        let is_same = |other: &&Instruction| other.keyword == own.keyword;
        let mut same = document.instructions_of(stage).iter().filter(is_same);
        let earlier = same.clone().rfind(|other| other.span.start < own.span.start);
        let last = same.next_back().filter(|last| last.span != own.span);
        let last = last.map(|last| told(last.name.span, "the one that counts"));
        let earlier = earlier.map(|earlier| told(earlier.name.span, "one that does not count"));
        return last.or(earlier).into_iter().collect();
    }
    if SAME_NAME.contains(&code)
        && let Some(name) = stage.name
    {
        let earlier = document.stages()[..stage.index].iter().filter_map(|stage| stage.name);
        return earlier
            .filter(|earlier| earlier.text.eq_ignore_ascii_case(&name.text))
            .take(1)
            .map(|earlier| told(earlier.span, "the first stage of that name"))
            .collect();
    }
    Vec::new()
}
