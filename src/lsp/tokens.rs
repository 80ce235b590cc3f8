//! Colours: keywords, flags, stages, variables, comments, and text.

use super::names::{self, Role, What};
use super::page::Page;
use crate::diagnostic::Span;
use crate::dockerfile::{Body, Instruction, Keyword};
use serde_json::{Value, json};

/// Tokens that a client is told of a file.
const MOST: usize = 100_000;

const TYPES: [&str; 6] = ["keyword", "parameter", "namespace", "variable", "comment", "string"];
const KEYWORD: u32 = 0;
const FLAG: u32 = 1;
const STAGE: u32 = 2;
const VARIABLE: u32 = 3;
const COMMENT: u32 = 4;
const STRING: u32 = 5;

const MODIFIERS: [&str; 2] = ["declaration", "deprecated"];
const DECLARATION: u32 = 1;
const DEPRECATED: u32 = 2;

/// What the numbers mean.
pub(super) fn legend() -> Value {
    json!({ "tokenTypes": TYPES, "tokenModifiers": MODIFIERS })
}

/// All tokens of the file.
pub(super) fn all(page: &Page) -> Value {
    let mut tokens: Vec<(Span, u32, u32)> = Vec::new();
    for comment in page.document().comments() {
        tokens.push((comment.span, COMMENT, 0));
    }
    for instruction in page.instructions() {
        of_instruction(instruction, &mut tokens);
        if let Body::Onbuild(inner) = &instruction.body {
            of_instruction(inner, &mut tokens);
        }
    }
    for name in names::all(page) {
        let declares = matches!(name.role, Role::Declares | Role::Repeats);
        let kind = match name.what {
            What::Stage(_) => STAGE,
            What::Variable(..) => VARIABLE,
        };
        tokens.push((name.span, kind, if declares { DECLARATION } else { 0 }));
    }
    tokens.sort_by_key(|(span, ..)| (span.start, std::cmp::Reverse(span.end)));
    json!({ "data": encoded(page, tokens) })
}

fn of_instruction(instruction: &Instruction, tokens: &mut Vec<(Span, u32, u32)>) {
    if let Some(keyword) = instruction.keyword {
        let is_old = keyword == Keyword::Maintainer;
        tokens.push((instruction.name.span, KEYWORD, if is_old { DEPRECATED } else { 0 }));
    }
    for flag in &instruction.flags {
        // Up to the value, which may hold names.
        let name = Span::new(flag.span.start, flag.span.start + 2 + flag.name.len() as u32);
        if name.end <= flag.span.end {
            tokens.push((name, FLAG, 0));
        }
    }
    match &instruction.body {
        Body::Words(words) if instruction.keyword == Some(Keyword::From) => {
            if let [_, keyword, _, ..] = words.as_slice() {
                tokens.push((keyword.span, KEYWORD, 0));
            }
        }
        Body::Healthcheck { kind, .. } => tokens.push((kind.span, KEYWORD, 0)),
        _ => {}
    }
    tokens.extend(instruction.heredocs.iter().map(|heredoc| (heredoc.span, STRING, 0)));
}

/// Five numbers for each token: lines and characters from the one before, length, type, modifiers.
fn encoded(page: &Page, tokens: Vec<(Span, u32, u32)>) -> Vec<u32> {
    let mut data = Vec::new();
    let mut end = 0;
    // Line, and how far it was counted: in bytes of the file, in characters of the line.
    let (mut line, mut counted, mut character) = (0, 0, 0);
    let (mut last_line, mut last_character) = (0, 0);
    for (span, kind, modifiers) in tokens.into_iter().take(MOST) {
        let text = page.slice(span);
        // They may neither overlap nor go on in another line.
        if span.start < end || text.is_empty() || text.contains(['\n', '\r']) {
            continue;
        }
        end = span.end;
        let here = page.buffer.line_of(span.start);
        if here != line {
            (line, counted, character) = (here, page.buffer.line(here).0, 0);
        }
        character += page.encoding.units(page.slice(Span::new(counted, span.start)));
        counted = span.start;
        let from = if line == last_line { last_character } else { 0 };
        data.extend([
            line - last_line,
            character - from,
            page.encoding.units(text),
            kind,
            modifiers,
        ]);
        (last_line, last_character) = (line, character);
    }
    data
}
