//! `.dockerignore`, `--exclude` and wildcards against matchers that try everything, on paths and on real directories.

#[path = "fuzz/fuzz_targets/reference.rs"]
mod reference;

use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use varve::context::{Glob, Ignore, LocalContext, Patterns, SelectRequest, SourcePattern, find_ignore, select};
use varve::layer::{Kind, View};

/// Names of files and directories, few enough to meet each other, odd ones among them.
const NAMES: &[&str] = &["a", "b", "ab", "a.b", ".a", "é", "a b", "#a", "!a", "a]", "a*"];

fn pieces() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(NAMES).prop_map(|name| name.replace('*', "\\*").replace(']', "\\]")),
        3 => prop::sample::select(vec!["*", "?", "a*", "*b", "?b", "*.*", ".*"]).prop_map(str::to_owned),
        3 => prop::sample::select(vec!["**", "**b", "a**", "**.b"]).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["[ab]", "[^a]", "[a-c]*", "[\\]a]", "[é-í]", "\\a", "\\#a"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![".", "..", ""]).prop_map(str::to_owned),
    ]
}

/// A line of an ignore file, with all that may stand round its pattern.
fn line() -> impl Strategy<Value = String> {
    let pattern = (
        prop::sample::select(vec!["", "/", "./", "//"]),
        prop::collection::vec(pieces(), 1..4),
        any::<bool>(),
    );
    let pattern =
        pattern.prop_map(|(before, names, slash)| before.to_owned() + &names.join("/") + if slash { "/" } else { "" });
    let negated = (
        prop::sample::select(vec!["", "", "!", "! ", " !", "  "]),
        pattern,
        prop::sample::select(vec!["", " ", "\t", "\r"]),
    );
    prop_oneof![
        9 => negated.prop_map(|(before, pattern, after)| format!("{before}{pattern}{after}")),
        1 => prop::sample::select(vec!["", "# a", "  ", "#!a"]).prop_map(str::to_owned),
    ]
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(line(), 1..6)
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(NAMES), 1..5).prop_map(|names| names.join("/"))
}

/// Files below `directory`, and directories without any.
fn plant(directory: &Path, paths: &[String]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for path in paths {
        let whole = directory.join(path);
        // What is a file already can't be a directory as well.
        if fs::create_dir_all(whole.parent().expect("a parent")).is_err()
            || whole.exists()
            || fs::write(&whole, path).is_err()
        {
            continue;
        }
        let parts: Vec<&str> = path.split('/').collect();
        all.extend((1..=parts.len()).map(|depth| parts[..depth].join("/")));
    }
    all
}

fn text(path: &[u8]) -> String {
    String::from_utf8(path.to_vec()).expect("names here are text")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_decides_as_its_rules_say(lines in lines(), paths in prop::collection::vec(path(), 1..6), mark in any::<bool>()) {
        let file = (if mark { "\u{feff}" } else { "" }).to_owned() + &lines.join("\n");
        let (ignore, problems) = Ignore::parse(&file);
        // A pattern that is malformed, or nothing but `!`, is an error, which has tests of its own.
        prop_assume!(problems.is_empty());
        for path in &paths {
            prop_assert_eq!(ignore.excludes(path.as_bytes()), reference::excludes(&file, path), "{:?} {:?}", file, path);
        }
    }

    #[test]
    fn a_list_decides_as_its_rules_say(lines in lines(), path in path()) {
        let patterns: Vec<&str> = lines.iter().map(String::as_str).collect();
        let Ok(fast) = Patterns::new(patterns.iter().copied()) else { return Ok(()) };
        prop_assert_eq!(fast.covers_path(path.as_bytes()), reference::covers(&patterns, &path), "{:?} {:?}", patterns, path);
    }

    #[test]
    fn a_wildcard_matches_what_it_says(parts in prop::collection::vec(pieces(), 1..4), name in prop::sample::select(NAMES)) {
        let pattern = parts.concat();
        let Ok(glob) = Glob::new(&pattern) else { return Ok(()) };
        let (pattern_chars, name_chars): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
        prop_assert_eq!(glob.matches(name.as_bytes()), reference::name_matches(&pattern_chars, &name_chars), "{} {}", pattern, name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// What a context lists is what is not ignored, and the directories that lead there: below an ignored directory
    /// only what a later line brings back.
    #[test]
    fn a_context_lists_what_is_not_ignored(lines in lines(), paths in prop::collection::vec(path(), 1..12), beside in any::<bool>()) {
        let directory = tempfile::tempdir().expect("a directory");
        let planted = plant(directory.path(), &paths);
        let file = lines.join("\n");
        // The file beside the Dockerfile takes the place of the context's, which would keep out everything here.
        let place = tempfile::tempdir().expect("a directory");
        let dockerfile = place.path().join("Some.Dockerfile");
        let (own, decoy) = (place.path().join("Some.Dockerfile.dockerignore"), directory.path().join(".dockerignore"));
        if beside {
            fs::write(&own, &file).expect("written");
            fs::write(&decoy, "*").expect("written");
        } else {
            fs::write(&decoy, &file).expect("written");
        }
        let found = find_ignore(directory.path(), Some(&dockerfile)).expect("readable");
        prop_assume!(found.diagnostics.is_empty());
        let context = LocalContext::open(directory.path(), found.ignore, None).expect("a context");
        let everything = SourcePattern::new(".", false).expect("a pattern");
        let listed: BTreeSet<String> = context.list(&[everything]).expect("a listing").entries().iter().map(|it| text(&it.path)).collect();

        let wanted: BTreeSet<String> = planted
            .iter()
            .cloned()
            .chain([".dockerignore".to_owned()])
            .filter(|path| !reference::excludes(&file, path))
            .flat_map(|path| {
                let parts: Vec<&str> = path.split('/').collect();
                (1..=parts.len()).map(|depth| parts[..depth].join("/")).collect::<Vec<_>>()
            })
            .collect();
        prop_assert_eq!(listed, wanted, "{:?}", file);
    }

    /// `COPY` with wildcards takes the paths whose every component matches, and `--exclude` leaves out what it covers.
    #[test]
    fn a_copy_takes_what_its_patterns_say(
        names in prop::collection::vec(pieces(), 1..3),
        paths in prop::collection::vec(path(), 1..12),
        exclude in prop::option::of(line()),
    ) {
        let source = names.join("/");
        let clean = names.iter().all(|name| !matches!(name.as_str(), "." | ".." | ""));
        // Where no component is a pattern a backslash is a character of the name.
        prop_assume!(clean && Glob::has_wildcards(&names[0]));
        let Ok(pattern) = SourcePattern::new(&source, false) else { return Ok(()) };
        let excludes: Vec<&str> = exclude.iter().map(String::as_str).collect();
        let Ok(excluded) = Patterns::new(excludes.iter().copied()) else { return Ok(()) };
        let directory = tempfile::tempdir().expect("a directory");
        let planted = plant(directory.path(), &paths);
        let context = LocalContext::open(directory.path(), Ignore::none(), None).expect("a context");
        let listing = context.list(std::slice::from_ref(&pattern)).expect("a listing");
        let view = View::new(vec![listing]);
        let request = SelectRequest {
            sources: std::slice::from_ref(&pattern),
            excludes: &excluded,
            hints: Some(&context),
        };
        let selection = select(&view, &request).expect("a wildcard may match nothing");
        let mut got = BTreeSet::new();
        for entry in selection.items.iter().flat_map(|item| &item.entries) {
            if matches!(entry.entry.kind, Kind::File { .. }) {
                got.insert(text(&entry.entry.path));
            }
        }
        let matches = |path: &str| {
            let parts: Vec<&str> = path.split('/').collect();
            parts.len() == names.len() && parts.iter().zip(&names).all(|(part, name)| {
                let (name, part): (Vec<char>, Vec<char>) = (name.chars().collect(), part.chars().collect());
                reference::name_matches(&name, &part)
            })
        };
        let wanted: BTreeSet<String> = planted
            .iter()
            .filter(|path| directory.path().join(path).is_file())
            .filter(|path| {
                let parts: Vec<&str> = path.split('/').collect();
                let matched = parts.get(..names.len()).is_some_and(|parts| matches(&parts.join("/")));
                // Exclusions are relative to the directory that matched; a file that matched has only its name.
                let below = parts.get(names.len()..).unwrap_or_default();
                let relative = if below.is_empty() { parts[parts.len() - 1].to_owned() } else { below.join("/") };
                matched && !reference::covers(&excludes, &relative)
            })
            .cloned()
            .collect();
        prop_assert_eq!(got, wanted, "{} without {:?}", source, excludes);
    }
}
