//! Shell patterns of `*` and `?`, as `${name#pattern}` and its relatives use them.

use super::expand::ExpandError;

/// Work that one search for a piece with `?` may cost, in character comparisons: enough for 16 characters in 16 KiB.
/// Each use in a file may cost as much, so this is small.
const BUDGET: usize = 1 << 18;

/// A pattern: pieces of fixed length with anything between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

/// A run of literal characters and `?`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Piece {
    /// `None` is `?`.
    members: Vec<Option<char>>,
    /// The members as text when none is `?`.
    literal: Option<String>,
}

impl Pattern {
    /// Reads a pattern in which `quote` (and always a backslash) takes away a character's meaning.
    pub(super) fn new(text: &str, quote: char) -> Self {
        let mut pieces = vec![Vec::new()];
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            let last = pieces.len() - 1;
            match char {
                '*' if pieces.len() > 1 && pieces[last].is_empty() => (),
                '*' => pieces.push(Vec::new()),
                '?' => pieces[last].push(None),
                '\\' => pieces[last].push(Some(chars.next().unwrap_or('\\'))),
                other if other == quote => pieces[last].push(Some(chars.next().unwrap_or(other))),
                other => pieces[last].push(Some(other)),
            }
        }
        Self(pieces.into_iter().map(Piece::new).collect())
    }

    /// Drops what matches at the start.
    pub(super) fn trim_start(&self, value: &str, longest: bool) -> Result<String, ExpandError> {
        let end = self.end_of_match(value, 0, longest)?.unwrap_or(0);
        Ok(value[end..].to_owned())
    }

    /// Drops what matches at the end.
    pub(super) fn trim_end(&self, value: &str, longest: bool) -> Result<String, ExpandError> {
        let mirrored = Self(self.0.iter().rev().map(Piece::mirrored).collect());
        let value: String = value.chars().rev().collect();
        Ok(mirrored.trim_start(&value, longest)?.chars().rev().collect())
    }

    /// Replaces the first match, or every one, each as long as can be.
    pub(super) fn replace(&self, value: &str, by: &str, all: bool, limit: usize) -> Result<String, ExpandError> {
        if self.0.len() == 1 && self.0[0].members.is_empty() {
            return Ok(value.to_owned());
        }
        let mut out = String::new();
        let mut at = 0;
        while let Some(start) = self.0[0].find(value, at)? {
            // When the pieces do not follow the leftmost first piece, they follow no later one either.
            let Some(end) = self.end_of_match(value, start, true)? else {
                break;
            };
            out.push_str(&value[at..start]);
            out.push_str(by);
            at = end;
            if out.len() > limit {
                return Err(ExpandError::TooLong(limit));
            }
            // A match with a `*` reaches to the last place where its end occurs, so there is no second one.
            if !all || self.0.len() > 1 {
                break;
            }
        }
        out.push_str(&value[at..]);
        Ok(out)
    }

    /// Where the shortest or longest match that begins at `start` ends.
    fn end_of_match(&self, value: &str, start: usize, longest: bool) -> Result<Option<usize>, ExpandError> {
        let Some((first, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        let Some(mut at) = first.matches_at(value, start) else {
            return Ok(None);
        };
        for (number, piece) in rest.iter().enumerate() {
            let last = number + 1 == rest.len();
            let found = if last && longest {
                piece.find_last(value, at)?
            } else {
                piece.find(value, at)?
            };
            match found.and_then(|found| piece.matches_at(value, found)) {
                Some(end) => at = end,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

impl Piece {
    fn new(members: Vec<Option<char>>) -> Self {
        let literal = members.iter().copied().collect();
        Self { members, literal }
    }

    fn mirrored(&self) -> Self {
        Self::new(self.members.iter().rev().copied().collect())
    }

    /// The end of the piece when it stands at `start`.
    fn matches_at(&self, value: &str, start: usize) -> Option<usize> {
        let mut rest = value[start..].chars();
        for member in &self.members {
            let char = rest.next()?;
            if member.is_some_and(|want| want != char) {
                return None;
            }
        }
        Some(value.len() - rest.as_str().len())
    }

    fn find(&self, value: &str, from: usize) -> Result<Option<usize>, ExpandError> {
        match &self.literal {
            Some(text) => Ok(value[from..].find(text.as_str()).map(|at| from + at)),
            None => Ok(self
                .places(value, from)?
                .find(|at| self.matches_at(value, *at).is_some())),
        }
    }

    fn find_last(&self, value: &str, from: usize) -> Result<Option<usize>, ExpandError> {
        match &self.literal {
            Some(text) => Ok(value[from..].rfind(text.as_str()).map(|at| from + at)),
            None => Ok(self
                .places(value, from)?
                .rev()
                .find(|at| self.matches_at(value, *at).is_some())),
        }
    }

    fn places<'a>(
        &self,
        value: &'a str,
        from: usize,
    ) -> Result<impl DoubleEndedIterator<Item = usize> + use<'a>, ExpandError> {
        if (value.len() - from).saturating_mul(self.members.len()) > BUDGET {
            return Err(ExpandError::PatternTooCostly);
        }
        Ok(value[from..].char_indices().map(move |(at, _)| from + at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, op: &str, pattern: &str, want: &str) {
        let it = Pattern::new(pattern, '\\');
        let got = match op {
            "#" => it.trim_start(value, false),
            "##" => it.trim_start(value, true),
            "%" => it.trim_end(value, false),
            "%%" => it.trim_end(value, true),
            "/" => it.replace(value, "_", false, 1000),
            _ => it.replace(value, "_", true, 1000),
        };
        assert_eq!(got.unwrap(), want, "{value} {op} {pattern}");
    }

    #[test]
    fn patterns_trim_and_replace() {
        for (value, op, pattern, want) in [
            ("foo.bar.baz", "#", "*.", "bar.baz"),
            ("foo.bar.baz", "##", "*.", "baz"),
            ("foo.bar.baz", "%", ".*", "foo.bar"),
            ("foo.bar.baz", "%%", ".*", "foo"),
            ("foo", "#", "o", "foo"),
            ("foo", "#", "*", "foo"),
            ("foo", "##", "*", ""),
            ("foo", "%%", "?", "fo"),
            ("a*b*c", "#", "a\\*", "b*c"),
            ("äöü", "#", "?", "öü"),
            ("äöü", "%", "?", "äö"),
            ("aXbXc", "#", "?X?X", "c"),
            ("abcabc", "/", "b*", "a_"),
            ("abcabc", "//", "b", "a_ca_c"),
            ("abcabc", "//", "?b", "_c_c"),
            ("abc", "//", "", "abc"),
            ("abc", "//", "*", "_"),
            ("", "//", "*", "_"),
            ("aab", "/", "a*b", "_"),
            ("xaybz", "/", "a*q", "xaybz"),
            ("a\\b", "/", "\\\\", "a_b"),
            ("a[b]", "/", "[b]", "a_"),
        ] {
            check(value, op, pattern, want);
        }
    }
}
