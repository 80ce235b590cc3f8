//! Patterns matched by trying everything: slow, short, and written from the rules instead of from the code under test.
//!
//! Tests and fuzz targets compare the engine's matchers with these.
#![allow(dead_code, reason = "each user takes what it needs")]

/// Whether an ignore file keeps `path` out. A malformed line is not this function's business.
///
/// A byte order mark is dropped, `#` in the first column is a comment, lines are trimmed. Then line by line, from the
/// outermost directory to the path itself: what a line matched for the directory above it matches here, too; an
/// exception is asked only where something is out, another line only where nothing is; the last match decides.
pub(crate) fn excludes(file: &str, path: &str) -> bool {
    let file = file.trim_start_matches('\u{feff}');
    let lines: Vec<&str> = file.split('\n').filter(|line| !line.starts_with('#')).collect();
    covers(&lines, path)
}

/// Whether a list of patterns, as `--exclude` gives it, covers `path`.
pub(crate) fn covers(patterns: &[&str], path: &str) -> bool {
    let mut rules: Vec<(bool, Vec<char>, bool)> = Vec::new();
    for pattern in patterns.iter().map(|it| it.trim()).filter(|it| !it.is_empty()) {
        let (exception, text) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, pattern),
        };
        let text = clean(text);
        let text = text.strip_prefix('/').unwrap_or(&text);
        rules.push((exception, text.chars().collect(), false));
    }
    let mut out = false;
    let names: Vec<&str> = path.split('/').collect();
    for depth in 1..=names.len() {
        let path: Vec<char> = names[..depth].join("/").chars().collect();
        out = false;
        for (exception, pattern, matched) in &mut rules {
            *matched = *matched || *exception == out && one_path(pattern, &path);
            if *matched {
                out = !*exception;
            }
        }
    }
    out
}

/// Whether one pattern matches a whole path.
fn one_path(pattern: &[char], path: &[char]) -> bool {
    // `**` in front of plain text is any beginning, even the middle of a name.
    if let ['*', '*', plain @ ..] = pattern
        && !plain.is_empty()
        && !plain.iter().any(|c| matches!(c, '*' | '?' | '[' | '\\'))
    {
        return path.ends_with(plain) || plain[0] == '/' && path == &plain[1..];
    }
    below(pattern, path)
}

fn below(pattern: &[char], path: &[char]) -> bool {
    match pattern {
        [] => path.is_empty(),
        ['*', '*'] | ['*', '*', '/'] => true,
        ['*', '*', rest @ ..] => {
            let rest = rest.strip_prefix(&['/']).unwrap_or(rest);
            // Nothing at all, or any number of whole components.
            below(rest, path) || (0..path.len()).any(|at| path[at] == '/' && below(rest, &path[at + 1..]))
        }
        ['*', rest @ ..] => {
            let name = path.iter().position(|c| *c == '/').unwrap_or(path.len());
            (0..=name).any(|taken| below(rest, &path[taken..]))
        }
        _ => match (single(pattern), path) {
            (Some((takes, rest)), [c, after @ ..]) => takes(*c) && below(rest, after),
            _ => false,
        },
    }
}

/// Whether a name matches one component of a COPY source, in which a star is a star.
pub(crate) fn name_matches(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|taken| name_matches(rest, &name[taken..])),
        _ => match (single(pattern), name) {
            (Some((takes, rest)), [c, after @ ..]) => takes(*c) && name_matches(rest, after),
            _ => false,
        },
    }
}

type Takes<'a> = Box<dyn Fn(char) -> bool + 'a>;

/// The element for one character that a pattern begins with, and the rest of the pattern.
fn single(pattern: &[char]) -> Option<(Takes<'_>, &[char])> {
    Some(match pattern {
        ['?', rest @ ..] => (Box::new(|c| c != '/'), rest),
        ['\\', literal, rest @ ..] => (Box::new(move |c| c == *literal), rest),
        ['[', rest @ ..] => {
            let (negated, mut rest) = match rest {
                ['^', rest @ ..] => (true, rest),
                _ => (false, rest),
            };
            let mut ranges = Vec::new();
            while rest.first()? != &']' {
                let (low, after) = member(rest)?;
                let (high, after) = match after {
                    ['-', after @ ..] => member(after)?,
                    _ => (low, after),
                };
                ranges.push(low..=high);
                rest = after;
            }
            let takes = move |c| ranges.iter().any(|range| range.contains(&c)) != negated;
            (Box::new(takes), &rest[1..])
        }
        [literal, rest @ ..] => (Box::new(move |c| c == *literal), rest),
        [] => return None,
    })
}

fn member(text: &[char]) -> Option<(char, &[char])> {
    match text {
        ['\\', c, rest @ ..] | [c, rest @ ..] => Some((*c, rest)),
        [] => None,
    }
}

/// A path without `.`, doubled slashes, and names that `..` takes back.
fn clean(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/').filter(|name| !matches!(*name, "" | ".")) {
        match (name, names.last()) {
            ("..", Some(last)) if *last != ".." => {
                names.pop();
            }
            ("..", _) if path.starts_with('/') => {}
            _ => names.push(name),
        }
    }
    let slash = if path.starts_with('/') { "/" } else { "" };
    let joined = slash.to_owned() + &names.join("/");
    if joined.is_empty() { ".".to_owned() } else { joined }
}

/// `${name#pattern}` and its relatives on a value, by looking at every piece of it.
///
/// The pattern knows `*`, `?` and the backslash.
pub(crate) fn modify(value: &str, operator: &str, pattern: &str, by: &str) -> String {
    let (value, pattern): (Vec<char>, Vec<char>) = (value.chars().collect(), pattern.chars().collect());
    let text = |chars: &[char]| chars.iter().collect::<String>();
    let length = value.len();
    let matches = |from: usize, to: usize| shell_matches(&pattern, &value[from..to]);
    match operator {
        "#" => text(&value[(0..=length).find(|end| matches(0, *end)).unwrap_or(0)..]),
        "##" => text(&value[(0..=length).rfind(|end| matches(0, *end)).unwrap_or(0)..]),
        "%" => text(&value[..(0..=length).rfind(|start| matches(*start, length)).unwrap_or(length)]),
        "%%" => text(&value[..(0..=length).find(|start| matches(*start, length)).unwrap_or(length)]),
        _ => {
            let (mut out, mut at, mut done) = (String::new(), 0, pattern.is_empty());
            while at < length || out.is_empty() && at == length && !done {
                let end = (at..=length).rfind(|end| matches(at, *end)).filter(|_| !done);
                match end {
                    Some(end) => {
                        out.push_str(by);
                        done = operator == "/" || end == at;
                        at = end;
                        if at == length {
                            break;
                        }
                    }
                    None if at < length => {
                        out.push(value[at]);
                        at += 1;
                    }
                    None => break,
                }
            }
            out
        }
    }
}

fn shell_matches(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        (['*', rest @ ..], _) => (0..=text.len()).any(|taken| shell_matches(rest, &text[taken..])),
        (['?', rest @ ..], [_, after @ ..]) => shell_matches(rest, after),
        (['\\', literal, rest @ ..] | [literal, rest @ ..], [c, after @ ..]) => {
            c == literal && shell_matches(rest, after)
        }
        _ => false,
    }
}
