//! The outline: stages, and instructions in them.

use super::page::Page;
use crate::diagnostic::Span;
use crate::dockerfile::Instruction;
use crate::lint::{Document, Stage};
use serde_json::{Value, json};

/// Characters of an instruction that its name shows.
const LONGEST: usize = 80;

// Kinds of symbols.
const MODULE: u8 = 2;
const PROPERTY: u8 = 7;
const FUNCTION: u8 = 12;
const VARIABLE: u8 = 13;
const CONSTANT: u8 = 14;
const EVENT: u8 = 24;

/// The outline, nested or flat.
pub(super) fn all(page: &Page, nested: bool) -> Value {
    let document = page.document();
    let mut all: Vec<Value> = Vec::new();
    for instruction in document.preamble() {
        all.push(one(page, instruction, None, nested));
    }
    for stage in document.stages() {
        let name = name_of(&document, stage);
        let instructions = document.instructions_of(stage);
        let end = instructions.last().unwrap_or(stage.from).span.end;
        let container = (!nested).then_some(name.as_str());
        let children: Vec<Value> = instructions
            .iter()
            .map(|instruction| one(page, instruction, container, nested))
            .collect();
        let whole = Span::new(stage.from.span.start, end);
        let chosen = stage.name.map_or(stage.from.span, |name| name.span);
        let detail = stage.image.map_or("", |image| &image.text);
        if nested {
            let mut symbol = symbol(page, &name, detail, MODULE, whole, chosen);
            symbol["children"] = children.into();
            all.push(symbol);
        } else {
            all.push(flat(page, &name, MODULE, whole, None));
            all.extend(children);
        }
    }
    all.into()
}

/// The stage's name, or its number and image.
fn name_of(document: &Document<'_>, stage: &Stage<'_>) -> String {
    match (stage.name, stage.image) {
        (Some(name), _) => name.text.clone(),
        (None, Some(image)) if document.stages().len() == 1 => image.text.clone(),
        (None, Some(image)) => format!("{} ({})", stage.index, image.text),
        (None, None) => stage.index.to_string(),
    }
}

fn one(page: &Page, instruction: &Instruction, container: Option<&str>, nested: bool) -> Value {
    let kind = match instruction.name.text.to_ascii_uppercase().as_str() {
        "ARG" => VARIABLE,
        "ENV" => CONSTANT,
        "LABEL" => PROPERTY,
        "ONBUILD" => EVENT,
        _ => FUNCTION,
    };
    let name = shortened(&instruction.text);
    match nested {
        true => symbol(page, &name, "", kind, instruction.span, instruction.name.span),
        false => flat(page, &name, kind, instruction.span, container),
    }
}

fn symbol(page: &Page, name: &str, detail: &str, kind: u8, whole: Span, chosen: Span) -> Value {
    // Its name must lie in it.
    let chosen = Span::new(chosen.start.max(whole.start), chosen.end.min(whole.end));
    json!({
        "name": name,
        "detail": detail,
        "kind": kind,
        "range": page.range(whole),
        "selectionRange": page.range(chosen),
    })
}

fn flat(page: &Page, name: &str, kind: u8, whole: Span, container: Option<&str>) -> Value {
    let location = json!({ "uri": page.uri, "range": page.range(whole) });
    let mut symbol = json!({ "name": name, "kind": kind, "location": location });
    if let Some(container) = container {
        symbol["containerName"] = container.into();
    }
    symbol
}

/// The instruction on one line, without runs of blanks. It is never empty.
fn shortened(text: &str) -> String {
    let mut short = String::new();
    for word in text.split_whitespace() {
        if short.chars().count() + word.len() > LONGEST {
            let left = LONGEST.saturating_sub(short.chars().count());
            if short.is_empty() {
                short.extend(word.chars().take(left));
            }
            short.push('…');
            return short;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    if short.is_empty() { "?".to_owned() } else { short }
}
