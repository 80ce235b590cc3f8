//! Agreement with hadolint over files from real projects.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use varve::diagnostic::{Severity, Source};
use varve::dockerfile::parse;
use varve::lint::{Document, Family, Options, Selection, lint, rules, shellcheck};

/// Where the files are: named by `VARVE_CORPUS`, or beside the repository.
fn corpus() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus");
    let named = std::env::var_os("VARVE_CORPUS").map(PathBuf::from);
    named
        .or_else(|| Some(PathBuf::from(beside)))
        .filter(|path| path.join("lint.jsonl").is_file())
}

/// Code and line.
type Place = (String, u64);

/// `lint.jsonl` holds one file's name and hadolint's codes and lines a line; `files/` holds the files.
///
/// Every rule of hadolint's that varve has must be found on the same lines. Of ShellCheck's findings hadolint shows
/// one for a RUN; varve must have it among its own. Where hadolint gives up on a file that builders accept there is
/// nothing to compare.
#[test]
fn agrees_with_hadolint() {
    let Some(corpus) = corpus() else {
        println!("skipped: no `lint.jsonl` where VARVE_CORPUS points, and none beside the repository");
        return;
    };
    let known: BTreeSet<&str> = rules()
        .iter()
        .filter(|rule| rule.family == Family::Hadolint)
        .map(|rule| rule.code)
        .collect();
    let options = Options::default();
    let selection = Selection {
        families: vec![Family::Hadolint],
        ..Selection::default()
    };
    let (mut compared, mut given_up) = (0, Vec::new());
    let mut differences = Vec::new();
    for line in std::fs::read_to_string(corpus.join("lint.jsonl")).unwrap().lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let file = entry["file"].as_str().unwrap();
        let theirs: BTreeSet<Place> = serde_json::from_value(entry["findings"].clone()).unwrap();
        let text = std::fs::read_to_string(corpus.join("files").join(file)).unwrap();
        let source = Source::new(file, text);
        let parsed = parse(source.text());
        let document = Document::new(&source, &parsed, &options);
        let ours: BTreeSet<Place> = lint(&document, &selection)
            .into_iter()
            .chain(shellcheck::built_in(&document))
            .map(|finding| (finding.code.into_owned(), u64::from(finding.line)))
            .collect();
        if theirs.iter().any(|(code, _)| code == "DL1000") {
            let is_accepted = parsed.diagnostics.iter().all(|it| it.severity != Severity::Error);
            if is_accepted {
                given_up.push(file.to_owned());
            }
            continue;
        }
        compared += 1;
        let of_rules = |places: &BTreeSet<Place>| -> BTreeSet<Place> {
            places
                .iter()
                .filter(|(code, _)| known.contains(&**code))
                .cloned()
                .collect()
        };
        let missing = of_rules(&theirs)
            .difference(&of_rules(&ours))
            .cloned()
            .collect::<Vec<_>>();
        let extra = of_rules(&ours)
            .difference(&of_rules(&theirs))
            .cloned()
            .collect::<Vec<_>>();
        let of_shell = theirs.iter().filter(|(code, _)| code.starts_with("SC"));
        let not_found: Vec<&Place> = of_shell
            .filter(|place| shellcheck::ENGINE.is_some() && !ours.contains(place))
            .collect();
        if !(missing.is_empty() && extra.is_empty() && not_found.is_empty()) {
            differences.push(format!("{file}: missing {missing:?} {not_found:?}, extra {extra:?}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {compared}:\n{}",
        differences.len(),
        differences.join("\n")
    );
    assert!(compared > 0, "no file was compared");
    println!(
        "{compared} files agree; hadolint gives up on {} that builders accept:\n{}",
        given_up.len(),
        given_up.join("\n")
    );
}
