//! What holds of every fix of every rule, over the examples, files of real projects, and files made of odd pieces.
#![allow(clippy::unwrap_used, reason = "a test that unwraps is a test that fails")]

use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use varve::diagnostic::{Severity, Source};
use varve::dockerfile::{Parsed, parse};
use varve::lint::{Document, Finding, Fixable, Options, Repair, Safety, Selection, lint, repair, rules};

fn selection(only: Option<&str>) -> Selection {
    let codes: BTreeSet<String> = rules().iter().map(|rule| rule.code.to_owned()).collect();
    match only {
        Some(code) => Selection {
            only: BTreeSet::from([code.to_owned()]),
            preview: true,
            ..Selection::default()
        },
        None => Selection {
            select: codes,
            preview: true,
            ..Selection::default()
        },
    }
}

fn find(source: &Source, parsed: &Parsed, selection: &Selection) -> Vec<Finding> {
    let options = Options::default();
    lint(&Document::new(source, parsed, &options), selection)
}

fn findings(text: &str, selection: &Selection) -> Vec<Finding> {
    let source = Source::new("Dockerfile", text);
    find(&source, &parse(text), selection)
}

fn repaired(text: &str, safety: Safety, selection: &Selection) -> Repair {
    repair("Dockerfile", text, safety, |source, parsed| {
        find(source, parsed, selection)
    })
}

fn errors(text: &str) -> Vec<&'static str> {
    let errors = parse(text).diagnostics.into_iter();
    let mut codes: Vec<_> = errors
        .filter(|one| one.severity == Severity::Error)
        .map(|one| one.code)
        .collect();
    codes.sort_unstable();
    codes
}

/// Comments, those that silence findings aside: fixes may be about them.
fn comments(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with('#'));
    lines
        .filter(|line| !line.contains("ignore") && !line.contains("check"))
        .collect()
}

fn is_fixable(finding: &Finding, safety: Safety) -> bool {
    finding.fix.as_ref().is_some_and(|fix| fix.safety <= safety)
}

/// Lines of `text` that no edit of the findings reaches.
fn untouched<'a>(text: &'a str, findings: &[Finding]) -> Vec<&'a str> {
    let edits: Vec<_> = findings
        .iter()
        .filter_map(|finding| finding.fix.as_ref())
        .flat_map(|fix| &fix.edits)
        .collect();
    let mut at = 0;
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        if !edits
            .iter()
            .any(|edit| edit.span.start as usize <= end && start <= edit.span.end as usize)
        {
            lines.push(line);
        }
    }
    lines
}

/// Panics where the fixes of a rule, or of all, do what they must not. Gives what was fixed, by code.
fn check(text: &str, only: Option<&str>, safety: Safety) -> BTreeMap<String, usize> {
    let selection = selection(only);
    let before = findings(text, &selection);
    let repair = repaired(text, safety, &selection);
    let new = &repair.text;
    let what = || format!("{only:?} {safety:?} of {text}\nmade {:?}:\n{new}", repair.made);
    assert_eq!(repair.refused, [], "{}", what());
    if !before.iter().any(|finding| is_fixable(finding, safety)) {
        assert_eq!(new, text, "{}", what());
        return BTreeMap::new();
    }
    let after = findings(new, &selection);
    assert!(
        !after.iter().any(|finding| is_fixable(finding, safety)),
        "left: {after:#?} {}",
        what()
    );
    if let Some(code) = only {
        let could = before.iter().filter(|finding| is_fixable(finding, safety)).count();
        let of = |all: &[Finding]| all.iter().filter(|finding| finding.code == code).count();
        assert!(of(&after) + could <= of(&before), "{after:#?} {}", what());
        // Line by line, and knowing nothing of trees.
        let mut lines = new.split_inclusive('\n');
        for line in untouched(text, &before) {
            assert!(lines.any(|other| other == line), "{line:?} {}", what());
        }
    }
    let known = errors(text);
    for error in errors(new) {
        assert!(known.contains(&error), "{error} {}", what());
    }
    assert_eq!(repaired(new, safety, &selection).text, *new, "twice: {}", what());
    if !text.contains("<<") {
        let mut kept = comments(new).into_iter();
        for comment in comments(text) {
            assert!(kept.any(|other| other == comment), "{comment} {}", what());
        }
    }
    assert_eq!(text.ends_with('\n'), new.ends_with('\n'), "{}", what());
    // In a heredoc the shell gets the carriage returns, and a backslash before one continues nothing.
    if !text.contains('\r') && !text.contains("<<") && only.is_none() {
        let returns = |text: &str| text.replace('\n', "\r\n");
        assert_eq!(
            repaired(&returns(text), safety, &selection).text,
            returns(new),
            "{}",
            what()
        );
    }
    let mut counts = BTreeMap::new();
    for made in &repair.made {
        *counts.entry(made.code.to_string()).or_default() += 1;
    }
    counts
}

fn check_all(text: &str) -> BTreeMap<String, usize> {
    let codes: BTreeSet<String> = findings(text, &selection(None))
        .iter()
        .filter(|finding| finding.fix.is_some())
        .map(|finding| finding.code.to_string())
        .collect();
    let mut counts = BTreeMap::new();
    for code in &codes {
        if rules().iter().any(|rule| rule.code == code) {
            check(text, Some(code), Safety::Safe);
            for (code, count) in check(text, Some(code), Safety::Unsafe) {
                *counts.entry(code).or_default() += count;
            }
        }
    }
    check(text, None, Safety::Safe);
    check(text, None, Safety::Unsafe);
    counts
}

fn files(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "Dockerfile"));
    paths.sort();
    paths
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect()
}

#[test]
fn fixes_of_examples_hold() {
    let all = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dockerfiles"));
    assert!(all.len() > 20);
    for text in all {
        check_all(&text);
    }
}

#[test]
fn fixes_of_the_rules_own_examples_hold() {
    for rule in rules() {
        let counts = check_all(rule.docs.example);
        if rule.fixable == Fixable::No {
            assert!(!counts.contains_key(rule.code), "{} is fixable", rule.code);
        }
    }
}

#[test]
fn fixes_in_files_of_real_projects_hold() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus");
    let corpus = std::env::var_os("VARVE_CORPUS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let all = files(&corpus.join("files"));
    if all.is_empty() {
        println!("skipped: no files where VARVE_CORPUS points, and none beside the repository");
        return;
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for text in &all {
        for (code, count) in check_all(text) {
            *counts.entry(code).or_default() += count;
        }
    }
    println!("{counts:#?}");
}

fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "FROM a\n",
        "from b as C\n",
        "FROM a AS b\n",
        "FROM --platform=$TARGETPLATFORM a\n",
        "RUN ",
        "run ",
        "ONBUILD RUN ",
        "COPY a b c\n",
        "ADD a b\n",
        "ENV a b c\n",
        "ENV a=b\n",
        "LABEL a b\n",
        "MAINTAINER A <b>\n",
        "CMD a b\n",
        "CMD [\"a\"]\n",
        "ENTRYPOINT a $b\n",
        "HEALTHCHECK CMD a\n",
        "EXPOSE 80/TCP\n",
        "WORKDIR a\n",
        "SHELL [\"bash\", \"-c\"]\n",
        "USER root\n",
        "apt-get install x",
        "apt-get update",
        "apt install x",
        "apk add x",
        "yum install x",
        "dnf install x",
        "zypper install x",
        "pip install x",
        "wget x",
        "curl x | sh",
        "useradd -u 1234567 x",
        "cd /x",
        "chmod 777 x",
        "npm install",
        "ln -s a /bin/sh",
        "echo $x",
        "echo `a`",
        "sudo x",
        " && ",
        " ; ",
        " | ",
        " \\\n  ",
        " \\\n# c\n",
        "\\\n",
        "\n",
        "\n\n",
        "\r\n",
        "# c\n",
        "# hadolint ignore=DL3008\n",
        "# escape=`\n",
        "# check=skip=all\n",
        "<<E\n",
        "E\n",
        "\"",
        "'",
        "$(",
        ")",
        "\u{feff}",
        "é",
    ];
    proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fixing_settles(pieces in vec(piece(), 0..25)) {
        let text = format!("FROM a\n{}", pieces.concat());
        for safety in [Safety::Safe, Safety::Unsafe] {
            let selection = selection(None);
            let new = repaired(&text, safety, &selection).text;
            prop_assert_eq!(&repaired(&new, safety, &selection).text, &new, "{:?}", text);
            let known = errors(&text);
            for error in errors(&new) {
                prop_assert!(known.contains(&error), "{} {:?}", error, new);
            }
        }
    }
}

/// No clock is read: an algorithm that isn't linear would not come back from this.
#[test]
fn thousands_of_fixes_are_made() {
    let n = 3000;
    let text = "FROM a\n".to_owned() + &"ADD x /y\n".repeat(n);
    let repair = repaired(&text, Safety::Safe, &selection(Some("DL3020")));
    assert_eq!(repair.made.len(), n);
    assert_eq!(repair.text, text.replace("ADD", "COPY"));
}
