//! What a safe fix may do to the text of a shell.

use crate::dockerfile::Word;
use crate::format::{Atom, Dialect, Kind, atoms, is_same_text};

/// Commands that may be written by another name.
const RENAMED: &[(&str, &str)] = &[("apt", "apt-get"), ("apt", "apt-cache")];

/// How a character is protected from the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    None,
    /// Between double quotes: it is expanded, and what comes out is not split.
    Double,
    Literal,
}

/// A part of a text, quotes taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unit<'a> {
    /// A word, or a part of one. Covers are told of characters that mean something to a shell; others have none.
    Text(Vec<(char, Cover)>),
    Blank,
    Sign(&'a str),
    Open(bool),
    Close,
    Comment(&'a str),
}

/// Whether the shell makes of `new` what it makes of `old`, but for changes of these kinds:
///
/// - blanks between words, quotes around text that needs none, backticks written as `$( )`;
/// - words added that begin with `-`;
/// - `apt` called as `apt-get` or `apt-cache`;
/// - packages at the end of an installation in another order.
///
/// Quotes around a variable are none of them: what a command gets may change.
pub(super) fn is_safe_text(old: &str, new: &str, dialect: Dialect) -> bool {
    if is_same_text(old, new, dialect) {
        return true;
    }
    let (mut old, mut new) = (units(old, dialect), units(new, dialect));
    sort_packages(&mut old);
    sort_packages(&mut new);
    let (mut at, mut next) = (0, 0);
    while next < new.len() {
        if old.get(at) == Some(&new[next]) {
            at += 1;
            next += 1;
        } else if let Some(added) = added(&new[next..]) {
            next += added;
        } else if old.get(at).is_some_and(|old| is_renamed(old, &new[next])) && is_command(&old[..at]) {
            at += 1;
            next += 1;
        } else {
            return false;
        }
    }
    at == old.len()
}

/// Sorts the packages that an installation ends with: its order means nothing to the package manager.
fn sort_packages(units: &mut [Unit<'_>]) {
    let ends = |unit: &Unit<'_>| !matches!(unit, Unit::Text(_) | Unit::Blank);
    for command in units.split_mut(ends) {
        let text = |unit: &Unit<'_>| match unit {
            Unit::Text(text) => text.iter().map(|(c, _)| c).collect::<String>(),
            _ => String::new(),
        };
        let words: Vec<usize> = (0..command.len()).filter(|&at| command[at] != Unit::Blank).collect();
        let Some(verb) = words.get(..2).and_then(|first| {
            let verbs: &[&str] = match text(&command[first[0]]).as_str() {
                "apt-get" | "apt" | "aptitude" | "yum" | "dnf" | "microdnf" | "tdnf" => &["install"],
                "apk" => &["add"],
                "zypper" => &["install", "in"],
                _ => return None,
            };
            words[1..]
                .iter()
                .position(|&at| verbs.contains(&text(&command[at]).as_str()))
        }) else {
            continue;
        };
        // The word behind a flag may be the flag's value.
        let switches = ["-y", "--yes", "-q", "-qq", "--no-install-recommends", "--no-cache"];
        let mut first = words.len();
        while first > verb + 2 && !text(&command[words[first - 1]]).starts_with('-') {
            first -= 1;
        }
        let flag = text(&command[words[first - 1]]);
        if flag.starts_with('-') && !switches.contains(&flag.as_str()) {
            first += 1;
        }
        let places = words.get(first..).unwrap_or_default();
        let mut sorted: Vec<Unit<'_>> = places.iter().map(|&at| command[at].clone()).collect();
        sorted.sort_by_key(text);
        for (&at, unit) in places.iter().zip(sorted) {
            command[at] = unit;
        }
    }
}

/// How many units at the front are a word that begins with `-` and the blank before or behind it.
fn added(new: &[Unit<'_>]) -> Option<usize> {
    let is_flag = |unit: &Unit<'_>| matches!(unit, Unit::Text(text) if text.len() > 1 && text[0].0 == '-');
    let ends = |unit: Option<&Unit<'_>>| matches!(unit, None | Some(Unit::Blank | Unit::Sign(_) | Unit::Close));
    match new {
        [flag, Unit::Blank, ..] if is_flag(flag) => Some(2),
        [Unit::Blank, flag, ..] if is_flag(flag) && ends(new.get(2)) => Some(2),
        _ => None,
    }
}

fn is_renamed(old: &Unit<'_>, new: &Unit<'_>) -> bool {
    let (Unit::Text(old), Unit::Text(new)) = (old, new) else {
        return false;
    };
    let text = |unit: &[(char, Cover)]| unit.iter().map(|(c, _)| c).collect::<String>();
    RENAMED.contains(&(text(old).as_str(), text(new).as_str()))
}

/// Whether a command's name may follow `before`.
fn is_command(before: &[Unit<'_>]) -> bool {
    let leads = [
        "if", "then", "else", "elif", "do", "while", "until", "!", "{", "time", "exec", "command", "sudo", "env",
    ];
    for unit in before.iter().rev() {
        match unit {
            Unit::Blank => {}
            Unit::Text(text) => {
                let text: String = text.iter().map(|(c, _)| c).collect();
                let assigns = text.split_once('=').is_some_and(|(name, _)| {
                    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty()
                });
                if !assigns && !leads.contains(&text.as_str()) {
                    return false;
                }
            }
            Unit::Sign(sign) => return !sign.contains(['<', '>']),
            Unit::Open(_) => return true,
            Unit::Close | Unit::Comment(_) => return false,
        }
    }
    true
}

fn units(text: &str, dialect: Dialect) -> Vec<Unit<'_>> {
    let all = atoms(text, dialect);
    let mut units: Vec<Unit<'_>> = Vec::new();
    let mut double = Vec::new();
    for (at, atom) in all.iter().enumerate() {
        let part = &text[atom.range.clone()];
        match atom.kind {
            Kind::Blank => {
                if !separates(text, at.checked_sub(1).and_then(|at| all.get(at))) && !separates(text, all.get(at + 1)) {
                    units.push(Unit::Blank);
                }
            }
            Kind::Control | Kind::Redirect => units.push(Unit::Sign(part)),
            Kind::Comment => units.push(Unit::Comment(part)),
            Kind::Open => {
                let quoted = double.last().copied().unwrap_or(false);
                units.push(Unit::Open(quoted));
                double.push(false);
            }
            Kind::Close => {
                double.pop();
                units.push(Unit::Close);
            }
            Kind::Quote => {
                if part == "\"" {
                    match double.last_mut() {
                        Some(last) => *last = !*last,
                        None => double.push(true),
                    }
                }
                text_of(&mut units);
            }
            Kind::Plain | Kind::Double | Kind::Literal => push(part, atom.kind, dialect, text_of(&mut units)),
        }
    }
    units
}

fn separates(text: &str, atom: Option<&Atom>) -> bool {
    atom.is_none_or(|atom| atom.kind == Kind::Control && text[atom.range.clone()].starts_with([';', '&', '|', '\n']))
}

/// The text at the end of `units`, or a new one.
fn text_of<'b>(units: &'b mut Vec<Unit<'_>>) -> &'b mut Vec<(char, Cover)> {
    if !matches!(units.last(), Some(Unit::Text(_))) {
        units.push(Unit::Text(Vec::new()));
    }
    match units.last_mut() {
        Some(Unit::Text(text)) => text,
        _ => unreachable!("a text was pushed"),
    }
}

fn push(part: &str, kind: Kind, dialect: Dialect, text: &mut Vec<(char, Cover)>) {
    let mut chars = part.chars().peekable();
    let cover = match kind {
        Kind::Double => Cover::Double,
        Kind::Literal => Cover::Literal,
        _ => Cover::None,
    };
    // A backslash outside of quotes is an atom with what it protects.
    if dialect == Dialect::Posix && kind == Kind::Literal && part.starts_with('\\') && part.chars().count() == 2 {
        chars.next();
    }
    while let Some(c) = chars.next() {
        if c == '\\'
            && kind == Kind::Double
            && let Some(protected) = chars.next_if(|next| matches!(next, '$' | '`' | '"' | '\\'))
        {
            text.push((protected, covered(protected, Cover::Literal)));
            continue;
        }
        text.push((c, covered(c, cover)));
    }
}

/// The cover of a character that means something where it has none.
fn covered(c: char, cover: Cover) -> Cover {
    match c {
        '$' | '`' => cover,
        // Neither expands between quotes of any kind.
        '*' | '?' | '[' | ']' | '~' | '{' | '}' | '!' | '#' if cover == Cover::Double => Cover::Literal,
        '*' | '?' | '[' | ']' | '~' | '{' | '}' | '!' | '#' => cover,
        _ => Cover::None,
    }
}

/// Whether `text` is nothing but the words of an exec form, to which a shell would add nothing.
pub(super) fn is_plain_words(text: &str, words: &[Word]) -> bool {
    plain_words(text).is_some_and(|found| {
        found.len() == words.len() && found.iter().zip(words).all(|(one, other)| *one == other.text)
    })
}

/// The words of one command of which a shell makes nothing but its words; `None` when it does more.
pub(super) fn plain_words(text: &str) -> Option<Vec<String>> {
    let units = units(text, Dialect::Posix);
    let mut found: Vec<String> = Vec::new();
    for unit in &units {
        match unit {
            Unit::Blank => {}
            Unit::Text(text) => {
                let harmless = |(c, cover): &(char, Cover)| match cover {
                    Cover::Literal => true,
                    Cover::Double => false,
                    Cover::None => !matches!(
                        c,
                        '$' | '`' | '*' | '?' | '[' | ']' | '~' | '{' | '}' | '!' | '#' | '\n'
                    ),
                };
                if !text.iter().all(harmless) {
                    return None;
                }
                found.push(text.iter().map(|(c, _)| c).collect());
            }
            _ => return None,
        }
    }
    // What a shell does itself is no program, and `A=b` is no word of a command.
    let builtins = [
        ".", ":", "alias", "cd", "command", "eval", "exec", "exit", "export", "read", "return", "set", "shift",
        "source", "trap", "type", "ulimit", "umask", "unset", "wait",
    ];
    let first = found.first()?;
    let open = atoms(text, Dialect::Posix)
        .iter()
        .filter(|atom| atom.kind == Kind::Quote)
        .count()
        % 2
        == 1;
    (!open && !first.contains('=') && !builtins.contains(&first.as_str())).then_some(found)
}

/// A value of ENV or LABEL without its quotes, each character with whether it is protected.
///
/// Follows the word processing of builds: a `\` protects what follows outside of quotes, and `"`, `$` and `\` inside
/// of double quotes.
pub(super) fn unquoted(value: &str) -> Vec<(char, bool)> {
    let mut all = Vec::new();
    let mut quote = None;
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (_, Some(open)) if c == open => quote = None,
            ('\\' | '`', None) => match chars.next() {
                Some(next) if c == '\\' => all.push((next, next == '$')),
                next => {
                    all.push((c, false));
                    all.extend(next.map(|next| (next, false)));
                }
            },
            ('\\', Some('"')) => match chars.next_if(|next| matches!(next, '"' | '$' | '\\')) {
                Some(next) => all.push((next, next == '$')),
                None => all.push((c, false)),
            },
            ('$', Some('\'')) => all.push((c, true)),
            _ => all.push((c, false)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_change_in_a_shell_text() {
        for (old, new, safe) in [
            ("apt-get install x", "apt-get install -y x", true),
            ("apt-get install x", "apt-get -y install x", true),
            (
                "apt-get install x",
                "apt-get install x -y --no-install-recommends",
                true,
            ),
            ("a && apt-get install x && b", "a && apt-get install -y x && b", true),
            ("a $(wget x) b", "a $(wget --progress=dot:giga x) b", true),
            ("apt update", "apt-get update", true),
            (
                "A=b apt update; if apt x; then y; fi",
                "A=b apt-get update; if apt-get x; then y; fi",
                true,
            ),
            ("x apt", "x apt-get", false),
            ("a `b c` d", "a $(b c) d", true),
            ("a b", "a 'b'", true),
            ("a $b", "a \"$b\"", false),
            ("a '$b'", "a \"$b\"", false),
            ("a \"\\$b\"", "a '$b'", true),
            ("a *", "a '*'", false),
            ("a '*'", "a \"*\"", true),
            ("a $(b)", "a \"$(b)\"", false),
            ("apt-get install -y b a && x", "apt-get install -y a b && x", true),
            ("apk add --no-cache -t d b a", "apk add --no-cache -t d a b", true),
            ("apk add -t d b", "apk add -t b d", false),
            ("apt-get install b a", "apt-get install a c", false),
            ("apt-get install a; x y", "apt-get install x; a y", false),
            ("install b a", "install a b", false),
            ("a b", "a b c", false),
            ("a b", "a && b", false),
            ("a b", "ab", false),
            ("a b", "a b ''", false),
            ("a 'b c'", "a b c", false),
            ("a b", "a", false),
            ("a -b", "a", false),
            ("a", "a -", false),
            ("a b", "a -$(x) b", false),
            ("a; b", "a -c; b", true),
            ("a \"x $(b c) y\"", "a \"x $(b -q c) y\"", true),
        ] {
            assert_eq!(is_safe_text(old, new, Dialect::Posix), safe, "{old} to {new}");
        }
    }
}
