//! The language of one pattern, and wildcards within one path component as Go's `filepath.Match` reads them.

use super::error::PatternError;

/// One element of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// This character.
    Char(char),
    /// `?`: one character that is not a slash.
    One,
    /// `*`: any number of characters that are not slashes.
    Star,
    /// `**`, with the slash after it when there is one: any number of characters.
    Stars {
        /// A slash was part of it.
        slash: bool,
    },
    /// `[a-z]` or `[^a-z]`.
    Class {
        /// Matches what the ranges do not hold.
        negated: bool,
        /// First and last character of each range; a range may be empty.
        ranges: Vec<(char, char)>,
    },
}

impl Token {
    /// Whether a class or single wildcard takes this character.
    pub(super) fn takes(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::One => c != '/',
            Self::Star | Self::Stars { .. } => false,
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated,
        }
    }
}

/// Reads a pattern; `stars` tells whether `**` is an element of its own or two `*`.
///
/// The grammar is that of Go's `filepath.Match`: a class may not be empty, `-` and `]` stand in it only when escaped,
/// and nothing may end in a backslash.
pub(super) fn tokens(pattern: &str, stars: bool) -> Result<Vec<Token>, PatternError> {
    let bad = |what| PatternError::new(pattern, what);
    let mut out = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        out.push(match c {
            '*' if stars && rest.next_if_eq(&'*').is_some() => Token::Stars {
                slash: rest.next_if_eq(&'/').is_some(),
            },
            '*' => Token::Star,
            '?' => Token::One,
            '\\' => Token::Char(
                rest.next()
                    .ok_or_else(|| bad("a backslash at the end escapes nothing"))?,
            ),
            '[' => {
                let negated = rest.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                let mut member = |end: bool| match rest.next() {
                    None => Err(bad("`[` has no `]`")),
                    Some(']') if end => Ok(None),
                    Some(']') => Err(bad("`[` and `]` with nothing between them")),
                    Some('-') => Err(bad(
                        "`-` between `[` and `]` needs a character on both sides, or a backslash",
                    )),
                    Some('\\') => match rest.next() {
                        None => Err(bad("`[` has no `]`")),
                        Some(c) => Ok(Some((c, rest.next_if_eq(&'-').is_some()))),
                    },
                    Some(c) => Ok(Some((c, rest.next_if_eq(&'-').is_some()))),
                };
                while let Some((low, is_range)) = member(!ranges.is_empty())? {
                    let high = if is_range {
                        match member(false)? {
                            // `a-b-c` leaves a bare `-`.
                            Some((_, true)) => {
                                return Err(bad(
                                    "`-` between `[` and `]` needs a character on both sides, or a backslash",
                                ));
                            }
                            Some((high, false)) => high,
                            None => low,
                        }
                    } else {
                        low
                    };
                    ranges.push((low, high));
                }
                Token::Class { negated, ranges }
            }
            c => Token::Char(c),
        });
    }
    Ok(out)
}

/// The first character of bytes and its length; a byte that is not UTF-8 is one character, as in Go.
pub(super) fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((char::from(first), 1));
    }
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((char::REPLACEMENT_CHARACTER, 1)),
    };
    match bytes.get(..length).map(std::str::from_utf8) {
        Some(Ok(text)) => text.chars().next().map(|c| (c, length)),
        _ => Some((char::REPLACEMENT_CHARACTER, 1)),
    }
}

/// Wildcards within one path component: `*`, `?`, `[a-z]`, `[^a-z]`, and a backslash before a character that stands
/// for itself.
#[derive(Debug, Clone)]
pub struct Glob {
    tokens: Vec<Token>,
}

impl Glob {
    /// Compiles one component of a COPY or ADD source.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        Ok(Self {
            tokens: tokens(pattern, false)?,
        })
    }

    /// Whether the pattern has an unescaped wildcard, so that it can name several files.
    pub fn has_wildcards(pattern: &str) -> bool {
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => {
                    chars.next();
                }
                '*' | '?' | '[' => return true,
                _ => {}
            }
        }
        false
    }

    /// Whether a file name (no slash in it) matches as a whole.
    pub fn matches(&self, name: &[u8]) -> bool {
        // Only the last `*` ever needs to give back: an earlier one could not do better.
        let (mut token, mut at) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let step = match (self.tokens.get(token), first_char(&name[at..])) {
                (None, None) => return true,
                (Some(Token::Star), _) => {
                    retry = Some((token + 1, at));
                    token += 1;
                    continue;
                }
                (Some(wanted), Some((c, length))) if wanted.takes(c) => Some(length),
                _ => None,
            };
            match (step, &mut retry) {
                (Some(length), _) => {
                    token += 1;
                    at += length;
                }
                (None, Some((after, from))) => match first_char(&name[*from..]) {
                    None => return false,
                    Some((_, length)) => {
                        *from += length;
                        (token, at) = (*after, *from);
                    }
                },
                (None, None) => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_component_as_go_matches_it() {
        let table: &[(&str, &str, bool)] = &[
            ("abc", "abc", true),
            ("*", "", true),
            ("*", ".hidden", true),
            ("*c", "abc", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcdef", false),
            ("a***e", "ae", true),
            ("a?c", "aéc", true),
            ("a??c", "aéc", false),
            ("[é-í]x", "êx", true),
            ("[!a]", "!", true),
            ("[!a]", "b", false),
            ("[^a]", "b", true),
            ("[^a-c]", "b", false),
            ("[a-cx]", "x", true),
            ("[c-a]", "b", false),
            ("[\\]a]", "]", true),
            ("[\\-x]", "-", true),
            ("[[]0]", "[0]", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("{a,b}", "a", false),
            ("{a,b}", "{a,b}", true),
            ("]", "]", true),
            ("*.txt", "a.txt.bak", false),
        ];
        for (pattern, name, want) in table {
            let glob = Glob::new(pattern).unwrap();
            assert_eq!(glob.matches(name.as_bytes()), *want, "{pattern} against {name}");
        }
        let glob = Glob::new("a?c").unwrap();
        assert!(glob.matches(b"a\xffc"), "a byte that is no text counts as a character");
    }

    #[test]
    fn malformed_patterns_are_refused() {
        for pattern in [
            "[", "[a", "[]a]", "[-a]", "[a-]", "[a-b-c]", "a\\", "[\\", "[^]", "x[a-\\",
        ] {
            assert!(Glob::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn many_stars_take_no_longer() {
        let glob = Glob::new(&"*a".repeat(200)).unwrap();
        assert!(!glob.matches("a".repeat(199).as_bytes()));
        assert!(!glob.matches("b".repeat(5000).as_bytes()));
    }
}
