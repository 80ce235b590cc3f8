//! Agreement with the official parser over files from real projects.

use std::path::PathBuf;

use serde_json::Value;

use varve::diagnostic::Severity;
use varve::dockerfile::{ast_json, parse};

/// Where the files are: named by `VARVE_CORPUS`, or beside the repository.
fn corpus() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus");
    let named = std::env::var_os("VARVE_CORPUS").map(PathBuf::from);
    named
        .or_else(|| Some(PathBuf::from(beside)))
        .filter(|path| path.join("ast.jsonl").is_file())
}

/// `ast.jsonl` holds one file's name and the official parser's tree a line; `files/` holds the files.
#[test]
fn agrees_with_the_official_parser() {
    let Some(corpus) = corpus() else {
        println!("skipped: no `ast.jsonl` where VARVE_CORPUS points, and none beside the repository");
        return;
    };
    let lines = std::fs::read_to_string(corpus.join("ast.jsonl")).unwrap();
    let mut files = 0;
    let mut differences = Vec::new();
    for line in lines.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let file = entry["file"].as_str().unwrap();
        let text = std::fs::read_to_string(corpus.join("files").join(file)).unwrap();
        let parsed = parse(&text);
        files += 1;
        let ours = ast_json(&parsed.dockerfile);
        let errors: Vec<_> = parsed
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .collect();
        if entry["ok"] == Value::Bool(true) && (ours != entry["ast"] || !errors.is_empty()) {
            let pairs = ours.as_array().unwrap().iter().zip(entry["ast"].as_array().unwrap());
            let first = pairs.into_iter().find(|(ours, theirs)| ours != theirs);
            differences.push(format!("{file}: {first:#?} {errors:#?}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {files}:\n{}",
        differences.len(),
        differences.join("\n")
    );
    println!("{files} files agree");
}
