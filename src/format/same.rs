//! Whether two trees say the same.

use super::shell::{Atom, Dialect, Kind, atoms};
use super::sort;
use crate::dockerfile::{Body, Dockerfile, Heredoc, Instruction, Keyword, Word};

/// Whether two files say the same: directives, escape character, and each instruction.
pub(super) fn is_same_file(one: &Dockerfile, other: &Dockerfile, marked: &[bool]) -> bool {
    let directives = |file: &Dockerfile| -> Vec<(String, String)> {
        let pair = |directive: &crate::dockerfile::Directive| (directive.key.clone(), directive.value.clone());
        file.directives.iter().map(pair).collect()
    };
    let dialect = Dialect::of(one);
    let pairs = one.instructions.iter().zip(&other.instructions);
    one.escape == other.escape
        && directives(one) == directives(other)
        && one.instructions.len() == other.instructions.len()
        && pairs
            .zip(marked.iter().chain(std::iter::repeat(&false)))
            .all(|((one, other), marked)| {
                is_same_instruction(one, other, dialect) || (*marked && sort::is_same_but_order(one, other, dialect))
            })
}

/// Whether two instructions say the same, apart from places, the case of keywords and blanks between words.
pub fn is_same_instruction(one: &Instruction, other: &Instruction, dialect: Dialect) -> bool {
    let flags = |instruction: &Instruction| -> Vec<(String, Option<String>)> {
        let pair = |flag: &crate::dockerfile::Flag| (flag.name.clone(), flag.value.clone());
        instruction.flags.iter().map(pair).collect()
    };
    if one.keyword.is_none() && one.text != other.text {
        return false;
    }
    one.keyword == other.keyword
        && flags(one) == flags(other)
        && is_same_body(one.keyword, &one.body, &other.body, dialect)
        && one.heredocs.len() == other.heredocs.len()
        && one
            .heredocs
            .iter()
            .zip(&other.heredocs)
            .all(|(one, other)| is_same_heredoc(one, other))
}

fn is_same_heredoc(one: &Heredoc, other: &Heredoc) -> bool {
    let parts = |heredoc: &Heredoc| (heredoc.expand, heredoc.strip_tabs, heredoc.descriptor);
    one.name == other.name && parts(one) == parts(other) && one.raw_body == other.raw_body
}

fn is_same_body(keyword: Option<Keyword>, one: &Body, other: &Body, dialect: Dialect) -> bool {
    match (one, other) {
        (Body::Words(one), Body::Words(other)) if keyword == Some(Keyword::From) => {
            let all = one.iter().zip(other).enumerate();
            one.len() == other.len()
                && all.into_iter().all(|(at, (one, other))| match at {
                    1 => one.text.eq_ignore_ascii_case(&other.text),
                    _ => one.text == other.text,
                })
        }
        (Body::Words(one), Body::Words(other)) | (Body::Json(one), Body::Json(other)) => is_same_words(one, other),
        (Body::Shell(one), Body::Shell(other)) => is_same_text(&one.text, &other.text, dialect),
        (
            Body::Pairs { pairs, legacy },
            Body::Pairs {
                pairs: other_pairs,
                legacy: other_legacy,
            },
        ) => {
            let text = |word: &Option<Word>| word.as_ref().map(|word| word.text.clone());
            legacy == other_legacy
                && pairs.len() == other_pairs.len()
                && pairs
                    .iter()
                    .zip(other_pairs)
                    .all(|(one, other)| one.key.text == other.key.text && text(&one.value) == text(&other.value))
        }
        (
            Body::Healthcheck { kind, command },
            Body::Healthcheck {
                kind: other_kind,
                command: other_command,
            },
        ) => kind.text.eq_ignore_ascii_case(&other_kind.text) && is_same_body(keyword, command, other_command, dialect),
        (Body::Onbuild(one), Body::Onbuild(other)) => is_same_instruction(one, other, dialect),
        (Body::Missing, Body::Missing) => true,
        _ => false,
    }
}

fn is_same_words(one: &[Word], other: &[Word]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.text == other.text)
}

/// Whether a shell makes the same of two texts: they differ in the number of blanks between words at most.
pub fn is_same_text(one: &str, other: &str, dialect: Dialect) -> bool {
    one == other || essence(one, dialect) == essence(other, dialect)
}

/// The atoms that mean something, blanks only between words.
pub(super) fn essence(text: &str, dialect: Dialect) -> Vec<(Kind, &str)> {
    let all = atoms(text, dialect);
    let separates = |atom: Option<&Atom>| {
        atom.is_none_or(|atom| {
            atom.kind == Kind::Control && text[atom.range.clone()].starts_with([';', '&', '|', '\n'])
        })
    };
    let mut kept = Vec::with_capacity(all.len());
    for (at, atom) in all.iter().enumerate() {
        let part = &text[atom.range.clone()];
        match atom.kind {
            Kind::Blank if separates(at.checked_sub(1).and_then(|at| all.get(at))) || separates(all.get(at + 1)) => {}
            Kind::Blank => kept.push((Kind::Blank, " ")),
            _ => kept.push((atom.kind, part)),
        }
    }
    kept
}
