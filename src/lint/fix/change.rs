//! What a safe fix may do to an instruction.

use super::shell::{self, is_safe_text, unquoted};
use crate::dockerfile::{Body, Flag, Instruction, Keyword, Pair, Word};
use crate::format::{Dialect, is_same_instruction};

/// Whether `new` builds what `old` builds, but for a change of one of these kinds:
///
/// - blanks, continuations, quotes, the case of keywords, of a stage's name and of EXPOSE's protocols;
/// - `ENV k v` written as `ENV k=v`, and the same for LABEL;
/// - a shell form of plain words written as a JSON array;
/// - ADD of the same written as COPY, MAINTAINER written as a label;
/// - `/` behind the destination of COPY or ADD;
/// - `--platform=$TARGETPLATFORM` left out, `--checksum` added;
/// - what [`is_safe_text`] lists for the text of a shell.
pub(super) fn is_safe(old: &Instruction, new: &Instruction, dialect: Dialect) -> bool {
    if is_same_instruction(old, new, dialect) {
        return true;
    }
    let heredocs = heredocs(old, new, dialect);
    let words = old.body == new.body || is_safe_body(old.keyword, &old.body, &new.body, dialect);
    match (old.keyword, new.keyword) {
        (Some(Keyword::Add), Some(Keyword::Copy)) => is_safe_flags(&old.flags, &new.flags) && words && heredocs,
        (Some(Keyword::Maintainer), Some(Keyword::Label)) => is_author(old, new),
        (None, _) | (_, None) => false,
        (one, other) => one == other && is_safe_flags(&old.flags, &new.flags) && words && heredocs,
    }
}

/// Whether the instruction at `at` has no effect, because a later one of its stage takes its place.
pub(super) fn is_removable(instructions: &[Instruction], at: usize) -> bool {
    let keyword = instructions[at].keyword;
    matches!(keyword, Some(Keyword::Cmd | Keyword::Entrypoint | Keyword::Healthcheck))
        && instructions[at + 1..]
            .iter()
            .take_while(|later| later.keyword != Some(Keyword::From))
            .any(|later| later.keyword == keyword)
}

/// Bodies of heredocs stay; that of a RUN may be a script, which may change as a script may.
fn heredocs(old: &Instruction, new: &Instruction, dialect: Dialect) -> bool {
    let script = old.keyword == Some(Keyword::Run);
    old.heredocs.len() == new.heredocs.len()
        && old.heredocs.iter().zip(&new.heredocs).all(|(old, new)| {
            let same = (&old.name, old.expand, old.strip_tabs, old.descriptor)
                == (&new.name, new.expand, new.strip_tabs, new.descriptor);
            same && (old.raw_body == new.raw_body || script && is_safe_text(&old.raw_body, &new.raw_body, dialect))
        })
}

fn is_safe_flags(old: &[Flag], new: &[Flag]) -> bool {
    let same = |one: &Flag, other: &Flag| one.name == other.name && one.value == other.value;
    let needless = |flag: &Flag| {
        flag.name == "platform" && matches!(flag.value.as_deref(), Some("$TARGETPLATFORM" | "${TARGETPLATFORM}"))
    };
    let mut rest = new.iter().peekable();
    for flag in old {
        while rest.next_if(|new| new.name == "checksum" && !same(flag, new)).is_some() {}
        if rest.next_if(|new| same(flag, new)).is_none() && !needless(flag) {
            return false;
        }
    }
    rest.all(|flag| flag.name == "checksum")
}

fn is_safe_body(keyword: Option<Keyword>, old: &Body, new: &Body, dialect: Dialect) -> bool {
    match (old, new) {
        (Body::Words(old), Body::Words(new)) | (Body::Json(old), Body::Json(new)) => {
            old.len() == new.len() && is_safe_words(keyword, old, new)
                || keyword == Some(Keyword::Run) && is_safe_text(&line(old), &line(new), dialect)
        }
        (Body::Shell(old), Body::Shell(new)) => is_safe_text(&old.text, &new.text, dialect),
        (Body::Shell(old), Body::Json(new)) => {
            // An ENTRYPOINT as an array gets the CMD for arguments, which it did not as text.
            matches!(keyword, Some(Keyword::Cmd | Keyword::Healthcheck))
                && dialect == Dialect::Posix
                && shell::is_plain_words(&old.text, new)
        }
        (
            Body::Pairs { pairs, .. },
            Body::Pairs {
                pairs: new,
                legacy: false,
            },
        ) => pairs.len() == new.len() && pairs.iter().zip(new).all(|(old, new)| is_same_pair(old, new)),
        (
            Body::Healthcheck { kind, command },
            Body::Healthcheck {
                kind: new_kind,
                command: new_command,
            },
        ) => {
            kind.text.eq_ignore_ascii_case(&new_kind.text)
                && (command == new_command || is_safe_body(keyword, command, new_command, dialect))
        }
        (Body::Onbuild(old), Body::Onbuild(new)) => is_safe(old, new, dialect),
        _ => false,
    }
}

fn is_safe_words(keyword: Option<Keyword>, old: &[Word], new: &[Word]) -> bool {
    let last = old.len().saturating_sub(1);
    let is_stage = |at| keyword == Some(Keyword::From) && at > 0;
    old.iter().zip(new).enumerate().all(|(at, (old, new))| {
        let (old, new) = (old.text.as_str(), new.text.as_str());
        let bare = |text: &str| text.trim_matches(['"', '\'']).to_owned();
        match keyword {
            _ if old == new => true,
            Some(Keyword::Expose) => old.eq_ignore_ascii_case(new),
            Some(Keyword::From) => is_stage(at) && old.eq_ignore_ascii_case(new),
            Some(Keyword::Copy | Keyword::Add) => at == last && bare(new) == bare(old) + "/",
            _ => false,
        }
    })
}

/// Words of the exec form as a command line.
fn line(words: &[Word]) -> String {
    let quoted = |word: &Word| format!("'{}'", word.text.replace('\'', "'\\''"));
    let plain = |word: &Word| word.text.starts_with('-') && !word.text.contains(char::is_whitespace);
    let words = words
        .iter()
        .map(|word| if plain(word) { word.text.clone() } else { quoted(word) });
    words.collect::<Vec<_>>().join(" ")
}

fn is_same_pair(old: &Pair, new: &Pair) -> bool {
    let value = |pair: &Pair| pair.value.as_ref().map(|value| unquoted(&value.text));
    unquoted(&old.key.text) == unquoted(&new.key.text) && value(old) == value(new)
}

/// Whether a MAINTAINER became a label that says the same.
fn is_author(old: &Instruction, new: &Instruction) -> bool {
    let (Body::Words(words), Body::Pairs { pairs, .. }) = (&old.body, &new.body) else {
        return false;
    };
    match (words.as_slice(), pairs.as_slice()) {
        ([name], [pair]) => {
            let label = ["org.opencontainers.image.authors", "maintainer"].contains(&pair.key.text.as_str());
            let says = |value: &Word| unquoted(&value.text).into_iter().map(|(c, _)| c).collect::<String>();
            let name = name.text.as_str();
            let inner = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            label
                && pair
                    .value
                    .as_ref()
                    .is_some_and(|value| says(value) == name || inner.is_some_and(|inner| says(value) == inner))
        }
        _ => false,
    }
}
