//! Patterns against tables, and against a matcher that is slow and obvious.

use crate::context::patterns::clean;
use crate::context::{Ignore, Patterns};
use proptest::prelude::*;

fn ignored(lines: &str, path: &str) -> bool {
    let (ignore, diagnostics) = Ignore::parse(lines);
    assert_eq!(diagnostics, [], "{lines}");
    ignore.excludes(path.as_bytes())
}

#[test]
fn one_pattern_at_a_time() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("a.txt", &["a.txt", "a.txt/below"], &["b.txt", "dir/a.txt", "a.txt.bak"]),
        ("dir/", &["dir", "dir/x", "dir/x/y"], &["dirx", "x/dir"]),
        ("/dir", &["dir", "dir/x"], &["x/dir"]),
        ("*", &["a", "a/b", ".hidden"], &[]),
        ("*/*", &["a/b", "a/b/c"], &["a"]),
        ("*.log", &["a.log", ".log"], &["d/a.log", "a.logs"]),
        ("**", &["a", "a/b"], &[]),
        ("**/*.log", &["a.log", "d/a.log", "d/e/a.log"], &["a.logs"]),
        ("**/name", &["name", "d/name", "d/e/name/x"], &["xname", "d/xname"]),
        ("**name", &["name", "xname", "d/xname"], &["namex", "d/namex"]),
        ("**\\name", &["name", "d/name"], &["xname", "d/xname"]),
        ("**na?e", &["name", "d/name"], &["xname", "d/xname"]),
        ("dir/**", &["dir/x", "dir/x/y"], &["dir", "dirx"]),
        ("di**", &["dir", "di", "di/x", "dirx/y"], &["d", "x/di"]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb", "b"]),
        ("a**/b", &["ab", "a/b", "ax/b", "a/x/b"], &["axb", "b"]),
        ("a**b", &["ab", "ax/b", "a/b"], &["axb"]),
        ("***/x", &["a/x", "a/b/x"], &["x", "ax"]),
        ("?.c", &["a.c", "é.c"], &["ab.c", "/.c"]),
        ("[ab].c", &["a.c", "b.c"], &["c.c"]),
        ("[!a].c", &["a.c", "!.c"], &["b.c"]),
        ("[^a].c", &["b.c"], &["a.c"]),
        ("\\#x", &["#x"], &["x"]),
        ("st\\*r", &["st*r"], &["star"]),
        ("{a,b}", &["{a,b}"], &["a", "b"]),
        ("a+(b)$|c", &["a+(b)$|c"], &["a"]),
        ("dir/../x", &["x"], &["dir/x"]),
        ("../x", &[], &["x"]),
        ("./x//y/", &["x/y"], &["x"]),
        (".", &[], &["a", ".a"]),
        ("/", &[], &["a"]),
        ("with blank", &["with blank"], &["with", "blank"]),
    ];
    for (pattern, yes, no) in table {
        for path in *yes {
            assert!(ignored(pattern, path), "`{pattern}` should keep out `{path}`");
        }
        for path in *no {
            assert!(!ignored(pattern, path), "`{pattern}` should not keep out `{path}`");
        }
    }
}

#[test]
fn the_last_line_that_matches_decides() {
    let text = "\u{feff}*\n# a comment\n\n  ! a.txt  \n!dir/sub\r\ndir/sub/c.log\n #no comment\n";
    for (path, want) in [
        ("a.txt", false),
        ("b.txt", true),
        ("dir", true),
        ("dir/sub", false),
        ("dir/sub/x", false),
        ("dir/sub/c.log", true),
        ("dir/other", true),
        ("#no comment", true),
    ] {
        assert_eq!(ignored(text, path), want, "{path}");
    }
    assert!(!ignored("#x", "#x"));
    assert!(ignored(" #x", "#x"));
    assert!(!ignored("!a", "a"));
}

#[test]
fn an_exception_counts_only_where_something_is_covered() {
    assert!(ignored("**/*.log\n!dir", "dir/a.log"));
    assert!(!ignored("**/*.log\n!dir/*", "dir/a.log"));
    assert!(!ignored("dir\n!dir", "dir/a.log"));
}

#[test]
fn a_covered_directory_is_entered_only_for_exceptions() {
    let (ignore, _) = Ignore::parse("*\n!dir/sub/x\n!lib*/keep");
    for (directory, want) in [
        ("dir", true),
        ("dir/sub", true),
        ("dir/other", false),
        ("other", false),
        ("library", true),
        ("", true),
    ] {
        assert_eq!(ignore.may_include_below(directory.as_bytes()), want, "{directory}");
    }
    let (ignore, _) = Ignore::parse("node_modules\n**/target");
    assert!(!ignore.may_include_below(b"node_modules/x"));
    assert!(!ignore.may_include_below(b"a/b/target"));
    assert!(ignore.may_include_below(b"a/b"));
}

#[test]
fn malformed_lines_are_errors_with_a_place() {
    let text = "ok\n  [a\n!\nb\\\n[z-a]\n";
    let (ignore, diagnostics) = Ignore::parse(text);
    let places: Vec<&str> = diagnostics
        .iter()
        .map(|diagnostic| {
            let span = diagnostic.span.unwrap();
            &text[span.start as usize..span.end as usize]
        })
        .collect();
    assert_eq!(places, ["[a", "!", "b\\", "[z-a]"]);
    assert!(ignore.excludes(b"ok"));
}

#[test]
fn bytes_that_are_no_text_count_as_characters() {
    let patterns = Patterns::new(["a?c", "x*"]).unwrap();
    assert!(patterns.covers_path(b"a\xffc"));
    assert!(!patterns.covers_path(b"a\xff\xfec"));
    assert!(patterns.covers_path(b"x\xff\xfe"));
}

#[test]
fn paths_are_cleaned_as_by_go() {
    for (path, want) in [
        ("", "."),
        ("a/", "a"),
        ("a/../..", ".."),
        ("/../a", "/a"),
        ("../../a", "../../a"),
        ("./.", "."),
        ("a//b/./c", "a/b/c"),
    ] {
        assert_eq!(clean(path), want, "{path}");
    }
}

#[test]
fn many_patterns_and_hostile_ones_are_bounded() {
    let text: String = (0..2000).map(|n| format!("**/name{n}\nplain{n}\n[x]{n}*\n")).collect();
    let (ignore, diagnostics) = Ignore::parse(&text);
    assert_eq!(diagnostics, []);
    assert!(ignore.excludes(b"a/b/name1999"));
    assert!(ignore.excludes(b"x1234yy"));
    assert!(!ignore.excludes(b"y1234yy"));
    let (ignore, _) = Ignore::parse(&"**/a".repeat(500));
    assert!(!ignore.excludes("a/".repeat(498).as_bytes()));
}

/// Matches one cleaned pattern against a whole path by trying everything.
///
/// Written from the rules, not from the code under test: it walks the text of the pattern and branches.
fn slow(pattern: &[char], path: &[char], first: bool) -> bool {
    let Some((&head, rest)) = pattern.split_first() else {
        return path.is_empty();
    };
    let one = |ok: bool, rest: &[char]| ok && slow(rest, &path[1..], false);
    match head {
        '*' if rest.first() == Some(&'*') => {
            let bare = &rest[1..];
            let (slash, bare) = match bare.first() {
                Some('/') => (true, &bare[1..]),
                _ => (false, bare),
            };
            if bare.is_empty() {
                return true;
            }
            if slow(bare, path, false) {
                return true;
            }
            let plain = !bare.iter().any(|c| "*?[\\".contains(*c));
            (0..path.len())
                .any(|at| (path[at] == '/' || first && !slash && plain) && slow(bare, &path[at + 1..], false))
        }
        '*' => slow(rest, path, false) || path.first().is_some_and(|c| *c != '/') && slow(pattern, &path[1..], false),
        '?' => one(path.first().is_some_and(|c| *c != '/'), rest),
        '\\' => one(path.first() == rest.first(), rest.get(1..).unwrap_or_default()),
        '[' => {
            let end = rest.iter().position(|c| *c == ']').unwrap();
            let (negated, members) = match rest[..end].split_first() {
                Some(('^', members)) => (true, members),
                _ => (false, &rest[..end]),
            };
            let Some(c) = path.first() else { return false };
            let mut found = false;
            let mut at = 0;
            while at < members.len() {
                if members.get(at + 1) == Some(&'-') {
                    found |= members[at] <= *c && *c <= members[at + 2];
                    at += 3;
                } else {
                    found |= members[at] == *c;
                    at += 1;
                }
            }
            one(found != negated, &rest[end + 1..])
        }
        c => one(path.first() == Some(&c), rest),
    }
}

/// The list's rule, one path component at a time.
fn slow_list(patterns: &[String], path: &str) -> bool {
    let parsed: Vec<(bool, Vec<char>)> = patterns
        .iter()
        .map(|pattern| {
            let (exception, rest) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, pattern.as_str()),
            };
            let rest = clean(rest);
            (exception, rest.strip_prefix('/').unwrap_or(&rest).chars().collect())
        })
        .collect();
    let mut inherited = vec![false; parsed.len()];
    let mut covered = false;
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    for end in ends {
        let prefix: Vec<char> = path[..end].chars().collect();
        covered = false;
        for (at, (exception, pattern)) in parsed.iter().enumerate() {
            if inherited[at] || *exception == covered && slow(pattern, &prefix, true) {
                inherited[at] = true;
                covered = !exception;
            }
        }
    }
    covered
}

fn pattern() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "ab", "é", ".", "!", "{a,b}", "-"]).prop_map(str::to_owned),
        4 => Just("/".to_owned()),
        3 => Just("*".to_owned()),
        3 => prop::sample::select(vec!["**", "**/", "/**/", "/**"]).prop_map(str::to_owned),
        2 => Just("?".to_owned()),
        1 => prop::sample::select(vec!["[ab]", "[^a]", "[a-b.]", "[!a]", "\\a", "\\*", "\\é"]).prop_map(str::to_owned),
    ];
    (any::<bool>(), prop::collection::vec(piece, 1..7)).prop_map(|(exception, pieces)| {
        let body = pieces.concat();
        if exception { format!("!{body}") } else { body }
    })
}

fn path() -> impl Strategy<Value = String> {
    let name = prop::collection::vec(prop::sample::select(vec!["a", "b", "é", ".", "*", "!", "{a,b}"]), 1..4)
        .prop_map(|parts| parts.concat());
    prop::collection::vec(name.prop_filter("no name", |name| name != "." && name != ".."), 1..5)
        .prop_map(|names| names.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fast_and_slow_agree(patterns in prop::collection::vec(pattern(), 1..5), path in path()) {
        // A pattern that is nothing but `!` signs and blanks is an error, which has its own test.
        let Ok(fast) = Patterns::new(patterns.iter().map(String::as_str)) else { return Ok(()) };
        prop_assert_eq!(fast.covers_path(path.as_bytes()), slow_list(&patterns, &path), "{:?} {}", patterns, path);
        if !fast.may_except_below(path.as_bytes()) && fast.covers_path(path.as_bytes()) {
            for below in ["a", "b/a", "ab/é/b"] {
                let below = format!("{path}/{below}");
                prop_assert!(slow_list(&patterns, &below), "{:?} {}", patterns, below);
            }
        }
    }
}
