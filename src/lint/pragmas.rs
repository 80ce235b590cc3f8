//! Comments that silence findings.
//!
//! `# hadolint ignore=DL3008,SC2086` is read as hadolint reads it: comment lines outside of instructions only, the
//! word in lower case, codes as hadolint spells them, and nothing behind them but a reason with a `#` of its own.
//! Anything else makes the comment void. `# varve ignore=…` has the same forms and takes every code and name.

use super::codes::canonical;
use super::document::{Comment, Document};
use crate::diagnostic::Span;

/// A comment that silences findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pragma<'a> {
    /// Its line, counted from 1.
    pub line: u32,
    /// From `#` to the end of the line.
    pub span: Span,
    /// What it is about.
    pub scope: Scope,
    /// The codes, and where they stand.
    pub codes: Vec<(String, Span)>,
    /// What stands behind a second `#`.
    pub reason: Option<&'a str>,
    /// Whether hadolint reads it too.
    pub hadolint: bool,
}

/// What a comment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// What begins on the very next line.
    NextLine,
    /// What begins after the very next line, which should be a FROM, up to and including this line: that of the next
    /// FROM, or the one that the next comment of this kind stands above. (So says hadolint.)
    Stage(u32),
    /// The file.
    File,
}

/// A comment that looks as if it should silence something, and does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Void<'a> {
    /// The comment.
    pub comment: Comment<'a>,
    /// Why, to follow "because".
    pub why: &'static str,
}

/// The comments of a document that silence, and those that only look so.
pub fn pragmas<'a>(document: &Document<'a>) -> (Vec<Pragma<'a>>, Vec<Void<'a>>) {
    let (mut pragmas, mut voids) = (Vec::new(), Vec::new());
    for comment in document.comments() {
        match read(comment) {
            Some(Ok(pragma)) => pragmas.push(pragma),
            Some(Err(why)) => voids.push(Void { comment: *comment, why }),
            None => {}
        }
    }
    let mut end = u32::MAX;
    for pragma in pragmas.iter_mut().rev() {
        if let Scope::Stage(last) = &mut pragma.scope {
            *last = end.min(next_from(document, pragma.line + 1));
            end = pragma.line + 1;
        }
    }
    (pragmas, voids)
}

/// `None` when the comment is about something else.
fn read<'a>(comment: &Comment<'a>) -> Option<Result<Pragma<'a>, &'static str>> {
    let mut words = Words {
        text: comment.text,
        at: comment.span.end - comment.text.len() as u32,
    };
    let hadolint = match words.name() {
        "hadolint" => true,
        "varve" => false,
        _ => return None,
    };
    // `hadolint-action` and `hadolint:` are words of prose.
    if !words.blanks() {
        return None;
    }
    let mut word = words.name();
    let scope = match word {
        "global" | "stage" => {
            words.blanks();
            let scope = word;
            word = words.name();
            scope
        }
        _ => "",
    };
    if word != "ignore" {
        return None;
    }
    words.blanks();
    if !words.skip('=') {
        return Some(Err("`=` is missing"));
    }
    words.blanks();
    let mut codes = Vec::new();
    loop {
        let from = words.at;
        let word = words.code();
        if word.is_empty() {
            return Some(Err("a code is missing"));
        }
        let span = Span::new(from, words.at);
        let code = match hadolint {
            true => is_hadolints(word).then(|| canonical(word).unwrap_or_else(|| word.to_owned())),
            false => canonical(word),
        };
        match code {
            Some(code) => codes.push((code, span)),
            None if hadolint => return Some(Err("hadolint has codes of `DL` or `SC` and digits only")),
            None => return Some(Err("it names a code that no rule has")),
        }
        words.blanks();
        if !words.skip(',') {
            break;
        }
        words.blanks();
    }
    let reason = match words.text {
        "" => None,
        rest => match rest.strip_prefix('#') {
            Some(reason) => Some(reason.trim()),
            None => return Some(Err("a reason has to begin with a `#` of its own")),
        },
    };
    let scope = match scope {
        "global" => Scope::File,
        "stage" => Scope::Stage(u32::MAX),
        _ => Scope::NextLine,
    };
    Some(Ok(Pragma {
        line: comment.line,
        span: comment.span,
        scope,
        codes,
        reason,
        hadolint,
    }))
}

/// The line of the first FROM after `line`.
fn next_from(document: &Document<'_>, line: u32) -> u32 {
    let stages = document.stages();
    let at = stages.partition_point(|stage| stage.from.lines.0 <= line);
    stages.get(at).map_or(u32::MAX, |stage| stage.from.lines.0)
}

/// Whether hadolint takes `code` for one. Those of rules that it does not have count as well.
fn is_hadolints(code: &str) -> bool {
    let digits = code.strip_prefix("DL").or_else(|| code.strip_prefix("SC"));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

struct Words<'a> {
    text: &'a str,
    at: u32,
}

impl<'a> Words<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.text.split_at(length);
        self.text = rest;
        self.at += length as u32;
        taken
    }

    fn name(&mut self) -> &'a str {
        let end = self.text.find(|c: char| !c.is_ascii_lowercase());
        self.take(end.unwrap_or(self.text.len()))
    }

    fn code(&mut self) -> &'a str {
        let end = self.text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        self.take(end.unwrap_or(self.text.len()))
    }

    fn blanks(&mut self) -> bool {
        let end = self.text.find(|c| !matches!(c, ' ' | '\t'));
        !self.take(end.unwrap_or(self.text.len())).is_empty()
    }

    fn skip(&mut self, wanted: char) -> bool {
        let found = self.text.starts_with(wanted);
        if found {
            self.take(wanted.len_utf8());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::dockerfile::parse;
    use crate::lint::Options;

    /// Codes of the comment in front of a FROM, `void`, or nothing.
    fn codes(comment: &str) -> String {
        let source = Source::new("Dockerfile", format!("{comment}\nFROM debian\n"));
        let parsed = parse(source.text());
        let options = Options::default();
        let (pragmas, voids) = pragmas(&Document::new(&source, &parsed, &options));
        match (pragmas.as_slice(), voids.as_slice()) {
            ([pragma], []) => {
                for (code, span) in &pragma.codes {
                    let written = &source.text()[span.start as usize..span.end as usize];
                    assert_eq!(canonical(written).as_ref().unwrap_or(code), code, "{comment}");
                }
                let codes: Vec<_> = pragma.codes.iter().map(|(code, _)| code.as_str()).collect();
                codes.join(" ")
            }
            ([], [_]) => "void".to_owned(),
            ([], []) => String::new(),
            _ => panic!("{comment}"),
        }
    }

    #[test]
    fn comments_are_read_as_hadolint_reads_them() {
        for (comment, expected) in [
            ("# hadolint ignore=DL3006", "DL3006"),
            ("#hadolint ignore = DL3006 , SC2086#x", "DL3006 SC2086"),
            ("  # \t hadolint\tignore=DL3006 # because", "DL3006"),
            ("# hadolint  ignore=DL3006\r", "DL3006"),
            ("# hadolint ignore=DL3006,DL99999", "DL3006 DL99999"),
            ("# hadolint global ignore=DL3006 # why", "DL3006"),
            ("# hadolint stage  ignore=DL3006", "DL3006"),
            ("# hadolint ignore=DL3006 because", "void"),
            ("# hadolint ignore=DL3006 DL3007", "void"),
            ("# hadolint ignore=dl3006", "void"),
            ("# hadolint ignore=DL3006,", "void"),
            ("# hadolint ignore=", "void"),
            ("# hadolint ignore=DL3006,XX1", "void"),
            ("# hadolint ignore=MaintainerDeprecated", "void"),
            ("## hadolint ignore=DL3006", ""),
            ("# Hadolint ignore=DL3006", ""),
            ("# hadolint: ignore=DL3006", ""),
            ("# hadolint shell=powershell", ""),
            ("# hadolint is a linter", ""),
            ("# varve ignore=relative-workdir, dl4000 # both", "DL3000 DL4000"),
            ("# varve ignore=nothing-of-that-name", "void"),
        ] {
            assert_eq!(codes(comment), expected, "{comment:?}");
        }
    }
}
