//! `testdata/dockerfiles`: what is read from each Dockerfile there, and what is said of it.
//!
//! `NAME.Dockerfile` has its tree in `NAME.ast.json` when nothing in it is an error, and its diagnostics, as a person
//! sees them, in `NAME.diag` when there are any. `UPDATE=1` writes both anew; read the difference before keeping it.

#[path = "fuzz/fuzz_targets/tiling.rs"]
mod tiling;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use varve::diagnostic::{Severity, Source, render};
use varve::dockerfile::{Body, Dockerfile, Instruction, Keyword, Parsed, ast_json, parse};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dockerfiles")
}

/// The examples by name.
fn examples() -> Vec<(String, String)> {
    let mut examples: Vec<_> = fs::read_dir(directory())
        .expect("the directory is there")
        .filter_map(|entry| {
            let path = entry.expect("the directory can be read").path();
            let name = path.file_name()?.to_str()?.strip_suffix(".Dockerfile")?.to_owned();
            Some((name, fs::read_to_string(path).expect("an example is text")))
        })
        .collect();
    examples.sort();
    examples
}

#[test]
fn examples_are_read_as_expected() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut differences = Vec::new();
    let mut expected_files = BTreeSet::new();
    let examples = examples();
    assert!(examples.len() >= 70);
    for (name, text) in &examples {
        let parsed = parse(text);
        tiling::check(text, &parsed);
        let wrong = parsed
            .diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error);
        assert_eq!(wrong, name.starts_with("bad-"), "{name}: {:#?}", parsed.diagnostics);
        let tree = (!wrong).then(|| show(&parsed.dockerfile));
        for (suffix, actual) in [("ast.json", tree), ("diag", diagnostics(&parsed, text))] {
            let Some(actual) = actual else { continue };
            let file = format!("{name}.{suffix}");
            let path = directory().join(&file);
            expected_files.insert(file);
            if update {
                fs::write(&path, &actual).unwrap();
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            if expected != actual {
                differences.push(format!(
                    "{}\n--- expected\n{expected}\n--- actual\n{actual}",
                    path.display()
                ));
            }
        }
    }
    for entry in fs::read_dir(directory()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let expectation = name.ends_with(".ast.json") || name.ends_with(".diag");
        if expectation && !expected_files.contains(&name) {
            differences.push(format!("{name} belongs to nothing"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

/// Together the examples use all instructions, all flags, and all ways to go wrong but two that need a big file.
#[test]
fn examples_cover_the_language() {
    let mut keywords = BTreeSet::new();
    let mut flags = BTreeSet::new();
    let mut codes = BTreeSet::new();
    for (_, text) in examples() {
        let parsed = parse(&text);
        codes.extend(parsed.diagnostics.iter().map(|diagnostic| diagnostic.code));
        for instruction in parsed.dockerfile.instructions {
            keywords.extend(instruction.keyword);
            flags.extend(
                instruction
                    .flags
                    .into_iter()
                    .map(|flag| (instruction.keyword, flag.name)),
            );
        }
    }
    assert_eq!(keywords.len(), Keyword::ALL.len());
    for keyword in Keyword::ALL {
        for rule in keyword.flags() {
            let used = flags.contains(&(Some(keyword), rule.name.to_owned()));
            assert!(used, "{} --{}", keyword.name(), rule.name);
        }
    }
    let expected = [
        "bad-escape",
        "bad-flag-value",
        "bad-from",
        "bad-trigger",
        "blank-name",
        "duplicate-directive",
        "duplicate-flag",
        "extra-arguments",
        "heredoc-destination",
        "ineffective-directive",
        "missing-arguments",
        "missing-flag-value",
        "missing-value",
        "no-empty-continuation",
        "no-instructions",
        "not-a-string",
        "not-json",
        "unknown-flag",
        "unknown-healthcheck",
        "unknown-instruction",
        "unterminated-heredoc",
    ];
    assert_eq!(Vec::from_iter(codes), expected);
}

fn diagnostics(parsed: &Parsed, text: &str) -> Option<String> {
    let source = Source::new("Dockerfile", text);
    let drawn: Vec<String> = parsed
        .diagnostics
        .iter()
        .map(|diagnostic| render(diagnostic, &source, false))
        .collect();
    (!drawn.is_empty()).then(|| drawn.join("\n"))
}

/// The tree, one instruction a line.
fn show(dockerfile: &Dockerfile) -> String {
    let mut ast = ast_json(dockerfile);
    let entries = ast.as_array_mut().expect("the tree is an array");
    for (entry, instruction) in entries.iter_mut().zip(&dockerfile.instructions) {
        add_details(entry, instruction);
    }
    let lines: Vec<String> = entries.iter().map(|entry| format!("    {entry}")).collect();
    let directives: Vec<Value> = dockerfile
        .directives
        .iter()
        .map(|directive| json!([directive.key, directive.value]))
        .collect();
    format!(
        "{{\n  \"escape\": {},\n  \"directives\": {},\n  \"instructions\": [\n{}\n  ]\n}}\n",
        json!(dockerfile.escape.to_string()),
        json!(directives),
        lines.join(",\n")
    )
}

/// What the official parser does not show.
fn add_details(entry: &mut Value, instruction: &Instruction) {
    if let Some(doc) = &instruction.doc {
        entry["doc"] = json!(doc);
    }
    match &instruction.body {
        Body::Pairs { legacy: true, .. } => entry["legacy"] = json!(true),
        Body::Onbuild(inner) => entry["trigger"] = json!(instruction.with_heredocs(&inner.text)),
        _ => {}
    }
    let heredocs: Vec<Value> = instruction
        .heredocs
        .iter()
        .map(|heredoc| {
            json!({
                "name": heredoc.name,
                "expand": heredoc.expand,
                "strip_tabs": heredoc.strip_tabs,
                "descriptor": heredoc.descriptor,
                "body": heredoc.body,
            })
        })
        .collect();
    if !heredocs.is_empty() {
        entry["heredocs"] = json!(heredocs);
    }
}
