//! What is known of the thing under the pointer.

use super::diagnostics;
use super::host::{Host, Image};
use super::names::{self, What};
use super::page::Page;
use super::texts;
use super::values::{self, Origin};
use crate::diagnostic::Span;
use crate::dockerfile::{Instruction, Keyword};
use crate::lint::find;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Characters of a value that are shown.
const LONGEST: usize = 200;

/// Layers of an image that are shown.
const MOST_LAYERS: usize = 12;

/// What there is to say about the byte at `at`.
pub(super) fn at(page: &Page, at: u32, host: &mut impl Host) -> Value {
    let mut parts = Vec::new();
    let mut place = None;
    if let Some((span, text)) = of_language(page, at, host) {
        place = Some(span);
        parts.push(text);
    }
    for finding in page.findings() {
        if finding.span.start <= at && at < finding.span.end.max(finding.span.start + 1) {
            place = place.or(Some(finding.span));
            parts.extend(of_rule(&finding.code));
        }
    }
    parts.dedup();
    match place {
        Some(span) if !parts.is_empty() => json!({
            "contents": { "kind": "markdown", "value": parts.join("\n\n---\n\n") },
            "range": page.range(span),
        }),
        _ => Value::Null,
    }
}

fn of_rule(code: &str) -> Option<String> {
    let Some(rule) = find(code) else {
        let address = diagnostics::address(code)?;
        return Some(format!("**{code}**: [a rule of ShellCheck]({address})"));
    };
    let docs = &rule.docs;
    let mut text = format!("**{code}** ({})\n\n{}\n\n{}", rule.name, docs.what, docs.why);
    let _ = write!(text, "\n\nInstead:\n\n```dockerfile\n{}```", docs.instead);
    if let Some(address) = diagnostics::address(code) {
        let _ = write!(text, "\n\n[Read on]({address})");
    }
    Some(text)
}

fn of_language(page: &Page, at: u32, host: &mut impl Host) -> Option<(Span, String)> {
    let directives = &page.parsed().dockerfile.directives;
    if let Some(directive) = directives.iter().find(|it| holds(it.span, at)) {
        let text = texts::directive(&directive.key)?;
        return Some((directive.span, format!("`# {}=`\n\n{text}", directive.key)));
    }
    if let Some(name) = names::at(page, at) {
        let text = match name.what {
            What::Stage(index) => Some(stage(page, index, host)),
            What::Variable(variable, _) => self::variable(page, variable, at, &name, host),
        };
        if let Some(text) = text {
            return Some((name.span, text));
        }
    }
    let outer = &page.instructions()[page.instruction_at(at)?];
    let inner = match &outer.body {
        crate::dockerfile::Body::Onbuild(inner) => inner,
        _ => outer,
    };
    for instruction in [outer, inner] {
        if let Some(keyword) = instruction.keyword
            && holds(instruction.name.span, at)
        {
            let (form, text) = texts::instruction(keyword);
            return Some((instruction.name.span, format!("```dockerfile\n{form}\n```\n\n{text}")));
        }
    }
    in_instruction(page, inner, at, host)
}

fn in_instruction(page: &Page, instruction: &Instruction, at: u32, host: &mut impl Host) -> Option<(Span, String)> {
    let keyword = instruction.keyword?;
    if let Some(flag) = instruction.flags.iter().find(|flag| holds(flag.span, at)) {
        let text = texts::flag(keyword, &flag.name)?;
        let key = mount_key(page, flag.span, at).filter(|_| flag.name == "mount");
        let text = match key.and_then(|key| Some((key, texts::mount_key(key)?))) {
            Some((key, text)) => format!("`{key}` of `--mount`\n\n{text}"),
            None => format!("`{} --{}`\n\n{text}", keyword.name(), flag.name),
        };
        return Some((flag.span, text));
    }
    if let Some(heredoc) = instruction.heredocs.iter().find(|heredoc| holds(heredoc.span, at)) {
        return Some((heredoc.span, self::heredoc(instruction, heredoc)));
    }
    let document = page.document();
    let stage = document
        .stages()
        .iter()
        .find(|stage| stage.from.span == instruction.span)?;
    let image = stage.image.filter(|image| holds(image.span, at))?;
    if image.text == "scratch" {
        return Some((image.span, "`scratch`\n\nNothing: no files, no layers.".to_owned()));
    }
    let (name, known) = values::image_of(&document, stage, host)?;
    Some((image.span, self::image(&name, &known)))
}

/// The key of a mount that the byte at `at` is in.
fn mount_key(page: &Page, flag: Span, at: u32) -> Option<&str> {
    let text = page.slice(flag);
    let here = (at - flag.start) as usize;
    let values = text.find('=')? + 1;
    if here < values {
        return None;
    }
    let start = text[..here].rfind(',').map_or(values, |comma| (comma + 1).max(values));
    let end = text[here..].find(',').map_or(text.len(), |comma| here + comma);
    let field = &text[start..end.max(start)];
    let key = field.split('=').next().unwrap_or(field);
    Some(match key {
        "src" => "source",
        "dst" | "destination" => "target",
        "ro" => "readonly",
        "rw" => "readwrite",
        key => key,
    })
}

fn heredoc(instruction: &Instruction, heredoc: &crate::dockerfile::Heredoc) -> String {
    let lines = heredoc.body.lines().count();
    let mut text = format!(
        "Heredoc `{}`: {lines} line{}",
        heredoc.name,
        if lines == 1 { "" } else { "s" }
    );
    text.push_str(match (instruction.keyword, heredoc.expand) {
        (Some(Keyword::Run), true) => ". The shell gets them, and sees to the variables.",
        (Some(Keyword::Run), false) => ". The shell gets them as they are, since the name is in quotes.",
        (_, true) => ". They become a file of that name; the builder sees to the variables.",
        (_, false) => ". They become a file of that name, as they are, since the name is in quotes.",
    });
    if heredoc.strip_tabs {
        text.push_str(" Tabs at the beginnings of lines are left out.");
    }
    text
}

fn stage(page: &Page, index: usize, host: &mut impl Host) -> String {
    let document = page.document();
    let Some(stage) = document.stages().get(index) else {
        return String::new();
    };
    let line = stage.from.lines.0;
    let name = stage.name.map_or_else(|| index.to_string(), |name| name.text.clone());
    let mut text = format!(
        "Stage `{name}`, line {line}\n\n```dockerfile\n{}\n```",
        shown(&stage.from.text)
    );
    if let Some(doc) = &stage.from.doc {
        let _ = write!(text, "\n\n{}", shown(doc));
    }
    let count = document.instructions_of(stage).len();
    let _ = write!(text, "\n\n{count} instruction{}", if count == 1 { "" } else { "s" });
    let mut root = stage;
    while let Some(base) = root.base.and_then(|base| document.stages().get(base)) {
        root = base;
    }
    if let Some((name, image)) = values::image_of(&document, root, host) {
        let _ = write!(text, "\n\n{}", self::image(&name, &image));
    }
    text
}

fn variable(
    page: &Page,
    name: &str,
    at: u32,
    occurrence: &names::Occurrence<'_>,
    host: &mut impl Host,
) -> Option<String> {
    let index = page.instruction_at(at)?;
    let declared = names::declaration(page, occurrence);
    // A declaration is seen behind itself.
    let is_own = declared == Some(occurrence.span) || occurrence.role == names::Role::Repeats;
    let from = page.instructions()[index].keyword == Some(Keyword::From);
    let visible = values::visible(page, index + usize::from(is_own && !from), host);
    let document = page.document();
    let Some(found) = visible.iter().find(|it| it.name == name) else {
        if let Some(builder) = texts::platform_argument(name) {
            return Some(format!("`{name}`\n\n{builder} `ARG {name}` brings it in."));
        }
        let mut above = names::all(page).into_iter().filter(|it| it.is_above_stages());
        let above = above.find(|it| it.role == names::Role::Declares && page.slice(it.span) == name)?;
        let line = document.source.position(above.span.start).line;
        return Some(format!(
            "`{name}` is not known in this stage\n\n`ARG {name}` brings in the one of line {line}."
        ));
    };
    let value = match &found.value {
        Some(value) => format!("`{name}` = `{}`", shown(&value.replace('`', "'"))),
        None => format!("`{name}` has no value unless `--build-arg` gives it one"),
    };
    let mut text = format!("{value}\n\n{}", found.origin.words());
    if let Some(span) = declared.filter(|_| found.origin != Origin::Image) {
        let _ = write!(text, ", line {}", document.source.position(span.start).line);
    }
    if let Some(builder) = texts::platform_argument(name) {
        let _ = write!(text, "\n\n{builder}");
    }
    if let Some(doc) = declared.and_then(|span| described(page, span)) {
        let _ = write!(text, "\n\n{}", shown(doc));
    }
    Some(text)
}

/// The comment above a declaration.
fn described(page: &Page, span: Span) -> Option<&str> {
    page.instructions()[page.instruction_at(span.start)?].doc.as_deref()
}

/// An image, its settings and layers.
fn image(name: &str, image: &Image) -> String {
    let mut text = format!("Image `{name}`, in the store\n");
    let mut line = |key: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(text, "\n- {key}: `{}`", shown(&value.replace('`', "'")));
        }
    };
    line("id", &image.id);
    line("platform", &image.platform);
    line("created", image.created.as_deref().unwrap_or_default());
    line("size", &size(image.size));
    line("user", &image.user);
    line("working directory", &image.working_directory);
    let count = image.layers.len();
    let _ = write!(text, "\n\n{count} layer{}\n", if count == 1 { "" } else { "s" });
    for layer in image.layers.iter().take(MOST_LAYERS) {
        let made_by = layer.made_by.replace(['`', '\n', '\r'], " ");
        let size = layer.size.map(|size| format!(" ({})", self::size(size)));
        let _ = write!(text, "\n1. `{} `{}", shown(&made_by), size.unwrap_or_default());
    }
    if count > MOST_LAYERS {
        let _ = write!(text, "\n\nand {} more", count - MOST_LAYERS);
    }
    text
}

fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return match unit {
                "B" => format!("{bytes} B"),
                _ => format!("{value:.1} {unit}"),
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn holds(span: Span, at: u32) -> bool {
    span.start <= at && at < span.end
}
