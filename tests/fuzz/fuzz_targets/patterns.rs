//! Ignore files and wildcards decide what trying everything decides.
//!
//! A line that begins with `> ` is a path, all others are the ignore file.
#![no_main]

mod reference;

use libfuzzer_sys::fuzz_target;
use varve::context::{Glob, Ignore, Patterns, SourcePattern};

fuzz_target!(|text: &str| {
    let (paths, file): (Vec<&str>, Vec<&str>) = text.split('\n').partition(|line| line.starts_with("> "));
    let paths: Vec<String> = paths
        .iter()
        .map(|path| tidy(&path[2..]))
        .filter(|path| !path.is_empty())
        .collect();
    let whole = file.join("\n");
    let (ignore, problems) = Ignore::parse(&whole);
    for problem in &problems {
        let span = problem
            .span
            .map(|span| whole.get(span.start as usize..span.end as usize));
        assert!(
            span.is_none_or(|text| text.is_some_and(|it| !it.is_empty())),
            "{problem:?}"
        );
    }
    let stars = whole.matches('*').count();
    let slow = whole.len() > 200 || stars > 12;
    for path in paths.iter().filter(|path| path.len() <= 40) {
        let excluded = ignore.excludes(path.as_bytes());
        if !slow && problems.is_empty() {
            assert_eq!(excluded, reference::excludes(&whole, path), "{path:?} in {whole:?}");
        }
        // A directory that is not entered has nothing inside that is wanted.
        for (at, _) in path.match_indices('/') {
            assert!(
                excluded || ignore.may_include_below(path[..at].as_bytes()),
                "{path:?} in {whole:?}"
            );
        }
    }
    if let Ok(patterns) = Patterns::new(file.iter().copied())
        && !slow
    {
        for path in paths.iter().filter(|path| path.len() <= 40) {
            assert_eq!(
                patterns.covers_path(path.as_bytes()),
                reference::covers(&file, path),
                "{path:?} in {file:?}"
            );
        }
    }
    for line in &file {
        let _ = SourcePattern::new(line, false);
        let _ = SourcePattern::new(line, true);
        let Ok(glob) = Glob::new(line) else { continue };
        let pattern: Vec<char> = line.chars().collect();
        for name in paths
            .iter()
            .flat_map(|path| path.split('/'))
            .filter(|name| name.len() < 24)
        {
            if pattern.len() < 24 && line.matches('*').count() < 8 {
                let name_chars: Vec<char> = name.chars().collect();
                let expected = reference::name_matches(&pattern, &name_chars);
                assert_eq!(glob.matches(name.as_bytes()), expected, "{line:?} {name:?}");
            }
        }
    }
});

/// A path as a context has it.
fn tidy(path: &str) -> String {
    let names = path.split('/').filter(|name| !matches!(*name, "" | "." | ".."));
    names.collect::<Vec<_>>().join("/")
}
