//! Words as text.

use super::super::command::Text;
use super::Walker;
use crate::diagnostic::Span;
use shuck_ast as ast;

impl Walker<'_> {
    pub(super) fn place(&self, span: ast::Span) -> Span {
        self.script.span(span.start.offset()..span.end.offset())
    }

    pub(super) fn slice(&self, span: ast::Span) -> &str {
        self.script
            .text
            .get(span.start.offset()..span.end.offset())
            .unwrap_or_default()
    }

    pub(super) fn raw(&self, span: ast::Span, literal: bool) -> Text {
        Text {
            text: self.slice(span).to_owned(),
            span: self.place(span),
            literal,
        }
    }

    pub(super) fn text(&self, word: &ast::Word) -> Text {
        let mut text = String::new();
        let literal = self.visible(&word.parts, false, &mut text);
        Text {
            text,
            span: self.place(word.span),
            literal,
        }
    }

    /// Adds what a person reads in `parts` without quotes, and says whether that is what a command gets.
    pub(super) fn visible(&self, parts: &[ast::WordPartNode], quoted: bool, text: &mut String) -> bool {
        let mut literal = true;
        for part in parts {
            match &part.kind {
                ast::WordPart::Literal(ast::LiteralText::Source) => unescape(self.slice(part.span), quoted, text),
                ast::WordPart::Literal(ast::LiteralText::Owned(own) | ast::LiteralText::CookedSource(own)) => {
                    text.push_str(own);
                }
                ast::WordPart::SingleQuoted { value, .. } if value.is_source_backed() => {
                    text.push_str(self.slice(value.span()));
                }
                ast::WordPart::SingleQuoted { value, .. } => text.push_str(value.slice("")),
                ast::WordPart::DoubleQuoted { parts, .. } => literal &= self.visible(parts, true, text),
                _ => {
                    literal = false;
                    text.push_str(self.slice(part.span));
                }
            }
        }
        literal
    }
}

/// Takes the name of what is run from the front of `words`, passing over commands that run another one.
pub(super) fn name(words: &mut Vec<Text>) -> Option<Text> {
    if words.is_empty() {
        return None;
    }
    let first = words.remove(0);
    if !first.literal {
        return None;
    }
    let at = match first.text.as_str() {
        "busybox" | "builtin" | "command" | "run" => words
            .first()
            .is_some_and(|word| !word.text.starts_with('-'))
            .then_some(0),
        "exec" => behind_exec(words),
        _ => None,
    };
    match at {
        Some(at) if words[at].literal => words.drain(..=at).next_back(),
        _ => Some(first),
    }
}

/// Where the command of `exec [-cl] [-a NAME] COMMAND` stands.
fn behind_exec(words: &[Text]) -> Option<usize> {
    let mut at = 0;
    while let Some(letters) = words
        .get(at)?
        .text
        .strip_prefix('-')
        .filter(|letters| !letters.is_empty())
    {
        at += 1;
        if letters == "-" {
            break;
        }
        at += usize::from(letters.ends_with('a'));
    }
    (at < words.len()).then_some(at)
}

/// Adds `raw` without the backslashes that a shell takes away.
fn unescape(raw: &str, quoted: bool, text: &mut String) {
    let mut letters = raw.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.peek() {
            Some(next) if letter == '\\' && (!quoted || matches!(next, '$' | '`' | '"' | '\\')) => {
                text.extend(letters.next())
            }
            _ => text.push(letter),
        }
    }
}
