//! Reading the words of instructions as rules need them.

use super::document::Document;
use super::fix::Edit;
use crate::diagnostic::Span;
use crate::dockerfile::{Body, Flag, Instruction, Word};
use std::collections::BTreeSet;

/// The words of an instruction that has a list of them, in either form.
pub(super) fn list(instruction: &Instruction) -> &[Word] {
    match &instruction.body {
        Body::Words(words) | Body::Json(words) => words,
        _ => &[],
    }
}

/// Sources and destination of ADD and COPY; nothing when one is missing.
pub(super) fn copied(instruction: &Instruction) -> Option<(&[Word], &Word)> {
    let (target, sources) = list(instruction).split_last()?;
    (!sources.is_empty()).then_some((sources, target))
}

/// Where words stand that begin a heredoc.
pub(super) fn heredocs(instruction: &Instruction) -> BTreeSet<Span> {
    instruction.heredocs.iter().map(|heredoc| heredoc.span).collect()
}

/// The last flag of that name.
pub(super) fn flag<'a>(instruction: &'a Instruction, name: &str) -> Option<&'a Flag> {
    instruction.flags.iter().rev().find(|flag| flag.name == name)
}

/// The value of the last flag of that name, when it has one.
pub(super) fn flag_value<'a>(instruction: &'a Instruction, name: &str) -> Option<(&'a Flag, &'a str)> {
    let flag = flag(instruction, name)?;
    Some((flag, flag.value.as_deref()?))
}

/// `text` without quotes around it.
pub(super) fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// Whether `path` begins with a drive, as on Windows.
pub(super) fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// The offsets in `text` where `$name` or `${name` stands, with the length of what is written there.
pub(super) fn uses_of<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    text.match_indices('$').filter_map(move |(at, _)| {
        let rest = &text[at + 1..];
        let (rest, brace) = match rest.strip_prefix('{') {
            Some(rest) => (rest, 1),
            None => (rest, 0),
        };
        let after = rest.strip_prefix(name)?;
        let ends = !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let close = usize::from(brace == 1 && after.starts_with('}'));
        ends.then_some((at, 1 + brace + name.len() + close))
    })
}

/// The names in `$name` and `${name}`, in order; those with an operator are left out.
pub(super) fn names_used(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).filter_map(|rest| {
        let (rest, braced) = match rest.strip_prefix('{') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        (!braced || rest[end..].starts_with('}')).then_some(&rest[..end])
    })
}

/// Takes the word at `span` out of its line, with the blanks behind it. `None` when a line break stands there.
pub(super) fn without(document: &Document<'_>, span: Span) -> Option<Edit> {
    let rest = document.text(Span::new(span.end, document.source.text().len() as u32));
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let end = span.end + blanks as u32;
    let follows = !rest[blanks..].starts_with(['\n', '\r', document.escape()]);
    (blanks > 0 && follows).then(|| Edit::delete(Span::new(span.start, end)))
}

/// Where in the file `$name` stands inside `span`, whose text is `text`; all of `span` when it can't be told.
pub(super) fn place_of(text: &str, span: Span, name: &str) -> Span {
    uses_of(text, name).next().map_or(span, |(at, length)| {
        let start = span.start + at as u32;
        Span::new(start, start + length as u32)
    })
}

/// The reading of an image's name that needs no rules of names: what stands before and after its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Image<'a> {
    /// The part before the first slash, when it looks like a host.
    pub(super) registry: Option<&'a str>,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
    /// Everything but registry, tag and digest.
    pub(super) name: &'a str,
}

impl<'a> Image<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        let (rest, tag) = match rest.rsplit_once(':') {
            Some((rest, tag)) if !tag.contains('/') => (rest, Some(tag)),
            _ => (rest, None),
        };
        let (registry, name) = match rest.split_once('/') {
            Some((host, name)) if host == "localhost" || host.contains(['.', ':']) => (Some(host), name),
            _ => (None, rest),
        };
        Self {
            registry,
            tag,
            digest,
            name,
        }
    }
}

/// The member of `known` that is fewer than three edits away from `name`, the first of the nearest. Of very many only
/// the first thousand are looked at.
pub(super) fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const TOO_FAR: usize = 3;
    // Lengths tell most of them apart, and bound the work on hostile names.
    let close = known
        .take(1000)
        .filter(|other| other.len().abs_diff(name.len()) < TOO_FAR && other.len() < 1000);
    close
        .map(|other| (strsim::levenshtein(name, other), other))
        .filter(|(distance, _)| *distance < TOO_FAR)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_end_at_their_names() {
        let all: Vec<_> = uses_of("$AB ${A} $A-${A:-x} \\$A", "A").collect();
        assert_eq!(all, [(4, 4), (9, 2), (12, 3), (21, 2)]);
    }

    #[test]
    fn images_are_cut_at_their_marks() {
        let read = |text| {
            let image = Image::read(text);
            (image.registry, image.name, image.tag, image.digest)
        };
        assert_eq!(read("debian"), (None, "debian", None, None));
        assert_eq!(read("a/b:c@sha256:0"), (None, "a/b", Some("c"), Some("sha256:0")));
        assert_eq!(read("localhost:5000/a"), (Some("localhost:5000"), "a", None, None));
        assert_eq!(read("quay.io/a/b:1"), (Some("quay.io"), "a/b", Some("1"), None));
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let known = || ["PATH", "HOME", "A"].into_iter();
        assert_eq!(near("PAHT", known()), Some("PATH"));
        assert_eq!(near("HOMES", known()), Some("HOME"));
        assert_eq!(near("UNRELATED", known()), None);
    }
}
