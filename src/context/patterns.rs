//! Lists of patterns as `.dockerignore`, `--exclude` and `--parents` read them.

use super::error::PatternError;
use super::glob::{Token, tokens};
use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};
use regex_automata::meta::Regex;
use regex_automata::{Input, PatternSet as Hits};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::OnceLock;

/// Compiled patterns are refused above this many bytes.
const REGEX_LIMIT: usize = 16 << 20;

/// An ordered list of patterns; the last one that matches decides.
///
/// A pattern covers the path that it matches and everything below. `!` in front takes out again what earlier
/// patterns cover. `*`, `?` and `[a-z]` stay within a component, `**` does not.
///
/// Like the builder that users know, an exception is only looked at where something is covered: with the patterns
/// `**/*.log` and `!dir`, the file `dir/a.log` stays covered, because nothing covered `dir` itself.
#[derive(Debug, Default)]
pub struct Patterns {
    rules: Vec<Rule>,
    exceptions: bool,
    /// Rules that are plain paths.
    exact: HashMap<Box<[u8]>, Vec<u32>>,
    /// Rules that compare the beginning.
    prefixes: Vec<(Box<[u8]>, u32)>,
    /// Rules that compare the end.
    suffixes: Vec<(Box<[u8]>, u32)>,
    /// Rules on which globset agrees, for ASCII paths.
    easy: Matcher<GlobSet>,
    /// The same rules for other paths.
    easy_regex: OnceLock<Option<Regex>>,
    /// All other rules.
    hard: Matcher<Option<Regex>>,
}

#[derive(Debug, Default)]
struct Matcher<T> {
    rules: Vec<u32>,
    matcher: T,
}

#[derive(Debug)]
struct Rule {
    exception: bool,
    /// A backslash stands in it.
    escapes: bool,
    tokens: Vec<Token>,
}

/// Which patterns cover a directory, and so everything below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Covered {
    /// A bit for each rule, when there are exceptions.
    bits: Box<[u64]>,
    covered: bool,
}

impl Covered {
    /// Whether the directory itself is covered.
    pub fn is_covered(&self) -> bool {
        self.covered
    }

    fn has(&self, rule: usize) -> bool {
        self.bits
            .get(rule / 64)
            .is_some_and(|word| word >> (rule % 64) & 1 == 1)
    }
}

impl Patterns {
    /// Compiles patterns in order.
    ///
    /// Each is trimmed, its path made clean and a leading slash dropped; blank ones are skipped.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        let mut out = Self::default();
        for pattern in patterns {
            out.push(pattern)?;
        }
        out.compile()
    }

    /// Compiles one pattern in which `!` means nothing.
    pub(super) fn one(pattern: &str) -> Result<Self, PatternError> {
        let mut out = Self::default();
        out.add(pattern, false)?;
        out.compile()
    }

    /// Adds a pattern; [`Patterns::compile`] must follow.
    pub(super) fn push(&mut self, pattern: &str) -> Result<(), PatternError> {
        let trimmed = pattern.trim();
        if trimmed.is_empty() {
            return Ok(());
        }
        match trimmed.strip_prefix('!') {
            None => self.add(trimmed, false),
            Some(rest) => match rest.trim() {
                "" => Err(PatternError::new(trimmed, "`!` takes nothing back")),
                rest => self.add(rest, true),
            },
        }
    }

    fn add(&mut self, pattern: &str, exception: bool) -> Result<(), PatternError> {
        let clean = clean(pattern);
        let clean = clean.strip_prefix('/').unwrap_or(&clean);
        let tokens = tokens(clean, true)?;
        let reversed =
            |token: &Token| matches!(token, Token::Class { ranges, .. } if ranges.iter().any(|(low, high)| low > high));
        if tokens.iter().any(reversed) {
            return Err(PatternError::new(pattern, "a range between `[` and `]` runs backwards"));
        }
        self.exceptions |= exception;
        self.rules.push(Rule {
            exception,
            escapes: clean.contains('\\'),
            tokens,
        });
        Ok(())
    }

    /// Sorts the rules into what matches them fastest.
    pub(super) fn compile(mut self) -> Result<Self, PatternError> {
        let mut easy = GlobSetBuilder::new();
        let mut hard = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            let at = at as u32;
            match shape(rule) {
                Shape::Exact(path) => self.exact.entry(bytes(path)).or_default().push(at),
                Shape::Prefix(prefix) => self.prefixes.push((bytes(prefix), at)),
                Shape::Suffix(suffix) => self.suffixes.push((bytes(suffix), at)),
                Shape::Easy(glob) => match GlobBuilder::new(&glob).literal_separator(true).build() {
                    Ok(glob) => {
                        easy.add(glob);
                        self.easy.rules.push(at);
                    }
                    Err(_) => hard.push(at),
                },
                Shape::Hard => hard.push(at),
            }
        }
        match easy.build() {
            Ok(set) => self.easy.matcher = set,
            Err(_) => hard.append(&mut self.easy.rules),
        }
        self.hard.matcher = self
            .regex(&hard)
            .map_err(|()| PatternError::new("**", "the patterns together are too large"))?;
        self.hard.rules = hard;
        Ok(self)
    }

    fn regex(&self, rules: &[u32]) -> Result<Option<Regex>, ()> {
        if rules.is_empty() {
            return Ok(None);
        }
        let texts: Vec<String> = rules
            .iter()
            .map(|at| regex_text(&self.rules[*at as usize].tokens))
            .collect();
        Regex::builder()
            .configure(
                Regex::config()
                    .nfa_size_limit(Some(REGEX_LIMIT))
                    .match_kind(regex_automata::MatchKind::All),
            )
            .build_many(&texts)
            .map(Some)
            .map_err(drop)
    }

    /// Whether there are no patterns at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether any pattern takes something back.
    pub(super) fn has_exceptions(&self) -> bool {
        self.exceptions
    }

    /// Whether a pattern covers everything that stands in the root: `*`, `**` or `**/*`.
    pub(super) fn covers_all(&self) -> bool {
        let stars = |token: &Token| matches!(token, Token::Star | Token::Stars { .. });
        let mut rules = self.rules.iter().filter(|rule| !rule.exception);
        rules.any(|rule| !rule.tokens.is_empty() && rule.tokens.iter().all(stars))
    }

    /// Whether a pattern reaches over any number of directories.
    pub(super) fn has_deep_wildcards(&self) -> bool {
        let deep = |token: &Token| matches!(token, Token::Stars { .. });
        self.rules.iter().any(|rule| rule.tokens.iter().any(deep))
    }

    /// What covers the root: nothing.
    pub fn root(&self) -> Covered {
        Covered {
            bits: if self.exceptions {
                vec![0; self.words()].into()
            } else {
                Box::default()
            },
            covered: false,
        }
    }

    fn words(&self) -> usize {
        self.rules.len().div_ceil(64)
    }

    /// Whether a path is covered, given its parent directory's state.
    pub fn covers(&self, parent: &Covered, path: &[u8]) -> bool {
        if self.exceptions {
            self.decide(parent, path, |_| {})
        } else {
            !self.rules.is_empty() && (parent.covered || self.any(path))
        }
    }

    /// The state of a directory, given its parent's.
    pub fn enter(&self, parent: &Covered, path: &[u8]) -> Covered {
        if !self.exceptions {
            return Covered {
                bits: Box::default(),
                covered: self.covers(parent, path),
            };
        }
        let mut bits: Box<[u64]> = vec![0; self.words()].into();
        let covered = self.decide(parent, path, |at| bits[at / 64] |= 1 << (at % 64));
        Covered { bits, covered }
    }

    /// Goes through the rules in order, with those that cover the parent; says which of them count.
    fn decide(&self, parent: &Covered, path: &[u8], mut counts: impl FnMut(usize)) -> bool {
        let (mut few, mut many) = ([0u64; 4], Vec::new());
        let hits = match few.get_mut(..self.words()) {
            Some(few) => few,
            None => {
                many.resize(self.words(), 0u64);
                &mut many[..]
            }
        };
        self.all(path, hits);
        let mut covered = false;
        for (at, rule) in self.rules.iter().enumerate() {
            let direct = rule.exception == covered && hits[at / 64] >> (at % 64) & 1 == 1;
            if direct || parent.has(at) {
                counts(at);
                covered = !rule.exception;
            }
        }
        covered
    }

    /// Whether a path is covered, by itself or by a directory above it.
    pub fn covers_path(&self, path: &[u8]) -> bool {
        if self.rules.is_empty() || path.is_empty() {
            return false;
        }
        let mut state = self.root();
        for (at, byte) in path.iter().enumerate() {
            if *byte == b'/' {
                state = self.enter(&state, &path[..at]);
            }
        }
        self.covers(&state, path)
    }

    /// Whether something below a covered directory may not be covered. Errs on the side of yes.
    pub fn may_except_below(&self, directory: &[u8]) -> bool {
        let below = |rule: &&Rule| rule.exception && may_match_below(&rule.tokens, directory);
        self.exceptions && self.rules.iter().any(|rule| below(&rule))
    }

    /// Whether something below a directory that is not covered may be. Errs on the side of yes.
    pub fn may_cover_below(&self, directory: &[u8]) -> bool {
        let below = |rule: &&Rule| !rule.exception && may_match_below(&rule.tokens, directory);
        self.rules.iter().any(|rule| below(&rule))
    }

    /// Whether any rule matches a path itself.
    fn any(&self, path: &[u8]) -> bool {
        self.exact.contains_key(path)
            || self.prefixes.iter().any(|(prefix, _)| path.starts_with(prefix))
            || self.suffixes.iter().any(|(suffix, _)| path.ends_with(suffix))
            || !self.easy.rules.is_empty() && self.any_easy(path)
            || self
                .hard
                .matcher
                .as_ref()
                .is_some_and(|regex| regex.is_match(&*text(path)))
    }

    fn any_easy(&self, path: &[u8]) -> bool {
        if path.is_ascii() {
            self.easy
                .matcher
                .is_match_candidate(&Candidate::new(Path::new(OsStr::from_bytes(path))))
        } else {
            self.easy_regex().is_some_and(|regex| regex.is_match(&*text(path)))
        }
    }

    /// Sets the bits of all rules that match a path itself.
    fn all(&self, path: &[u8], hits: &mut [u64]) {
        let mut hit = |at: u32| hits[at as usize / 64] |= 1 << (at % 64);
        self.exact.get(path).into_iter().flatten().for_each(|at| hit(*at));
        for (prefix, at) in &self.prefixes {
            if path.starts_with(prefix) {
                hit(*at);
            }
        }
        for (suffix, at) in &self.suffixes {
            if path.ends_with(suffix) {
                hit(*at);
            }
        }
        let mut by_regex = |regex: &Regex, rules: &[u32]| {
            let mut found = Hits::new(rules.len());
            regex.which_overlapping_matches(&Input::new(&*text(path)), &mut found);
            found.iter().for_each(|pattern| hit(rules[pattern.as_usize()]));
        };
        if let Some(regex) = &self.hard.matcher {
            by_regex(regex, &self.hard.rules);
        }
        if self.easy.rules.is_empty() {
            return;
        }
        if path.is_ascii() {
            let candidate = Candidate::new(Path::new(OsStr::from_bytes(path)));
            for at in self.easy.matcher.matches_candidate(&candidate) {
                hit(self.easy.rules[at]);
            }
        } else if let Some(regex) = self.easy_regex() {
            by_regex(regex, &self.easy.rules);
        }
    }

    fn easy_regex(&self) -> Option<&Regex> {
        // Rules this simple stay far below the size limit unless there are very many; those then match ASCII only.
        self.easy_regex
            .get_or_init(|| self.regex(&self.easy.rules).unwrap_or_default())
            .as_ref()
    }
}

fn bytes(text: String) -> Box<[u8]> {
    text.into_bytes().into_boxed_slice()
}

/// How a rule is matched.
enum Shape {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Easy(String),
    Hard,
}

/// Classifies a rule.
///
/// globset agrees with our reading on literals, `*`, `?` and `**` as a whole component, as long as the path is
/// ASCII and no other character that it gives a meaning to is there; a test compares the two.
fn shape(rule: &Rule) -> Shape {
    let tokens = &rule.tokens[..];
    let literal = |tokens: &[Token]| -> Option<String> {
        tokens
            .iter()
            .map(|token| match token {
                Token::Char(c) => Some(*c),
                _ => None,
            })
            .collect()
    };
    if let Some(text) = literal(tokens) {
        return Shape::Exact(text);
    }
    match tokens {
        [before @ .., Token::Stars { slash: false }] => {
            if let Some(text) = literal(before) {
                return Shape::Prefix(text);
            }
        }
        // Only directly at the beginning, and only before plain text, `**` needs no slash after it.
        [Token::Stars { slash: false }, after @ ..] if !rule.escapes => {
            if let Some(text) = literal(after) {
                return Shape::Suffix(text);
            }
        }
        _ => {}
    }
    let mut glob = String::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Char(c) if c.is_ascii() && !"[]{}\\!^,*?".contains(*c) => glob.push(*c),
            Token::Star => glob.push('*'),
            Token::One => glob.push('?'),
            Token::Stars { slash } => {
                let whole =
                    at == 0 || tokens[at - 1] == Token::Char('/') || tokens[at - 1] == Token::Stars { slash: true };
                if !whole || !slash && at + 1 != tokens.len() {
                    return Shape::Hard;
                }
                glob.push_str(if *slash { "**/" } else { "**" });
            }
            _ => return Shape::Hard,
        }
    }
    Shape::Easy(glob)
}

/// A rule as a regular expression over the whole path.
fn regex_text(tokens: &[Token]) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("(?s)\\A");
    let write = |out: &mut String, text: std::fmt::Arguments<'_>| {
        // Writing to a string does not fail.
        let _ = out.write_fmt(text);
    };
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Char(c) => write(&mut out, format_args!("\\x{{{:x}}}", u32::from(*c))),
            Token::One => out.push_str("[^/]"),
            Token::Star => out.push_str("[^/]*"),
            Token::Stars { .. } if at + 1 == tokens.len() => out.push_str(".*"),
            Token::Stars { .. } => out.push_str("(?:.*/)?"),
            Token::Class { negated, ranges } => {
                out.push_str(if *negated { "[^" } else { "[" });
                for (low, high) in ranges {
                    write(
                        &mut out,
                        format_args!("\\x{{{:x}}}-\\x{{{:x}}}", u32::from(*low), u32::from(*high)),
                    );
                }
                out.push(']');
            }
        }
    }
    out.push_str("\\z");
    out
}

/// Whether a rule may match a path strictly below a directory.
fn may_match_below(tokens: &[Token], directory: &[u8]) -> bool {
    if directory.is_empty() {
        return true;
    }
    // Compares the literal beginning; where a wildcard comes, anything may follow.
    let directory = text(directory);
    let mut rest = directory.chars().chain(std::iter::once('/'));
    for token in tokens {
        match token {
            Token::Char(c) => match rest.next() {
                None => return true,
                Some(own) if own == *c => {}
                Some(_) => return false,
            },
            _ => return true,
        }
    }
    // The rule ended inside the directory's name, or named the directory itself.
    rest.next().is_none()
}

/// A path as text: each byte that is not UTF-8 becomes one replacement character, as Go reads it.
fn text(path: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(path) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut out = String::with_capacity(path.len() + 8);
            for chunk in path.utf8_chunks() {
                out.push_str(chunk.valid());
                out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
            }
            Cow::Owned(out)
        }
    }
}

/// Takes `.`, `..` where a name stands before it, and doubled and final slashes out of a path.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => {
                names.pop();
            }
            ".." if rooted => {}
            name => names.push(name),
        }
    }
    let joined = names.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
