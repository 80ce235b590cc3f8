//! What may come next.

mod lists;
mod mounts;

use super::host::Host;
use super::page::Page;
use super::texts;
use super::typing::{self, Typing, Words};
use super::values;
use crate::diagnostic::Span;
use crate::dockerfile::{FlagKind, Keyword};
use serde_json::{Value, json};

/// Characters that make a client ask.
pub(super) const TRIGGERS: [&str; 8] = ["$", "{", "-", "=", ",", "/", ":", "#"];

// Kinds of items.
const FIELD: u8 = 5;
const VARIABLE: u8 = 6;
const MODULE: u8 = 9;
const PROPERTY: u8 = 10;
const VALUE: u8 = 12;
const KEYWORD: u8 = 14;
const FILE: u8 = 17;
const FOLDER: u8 = 19;

/// Something that may come next.
#[derive(Debug, Default)]
struct Item {
    label: String,
    kind: u8,
    detail: String,
    documentation: String,
    /// What is typed; the label when empty.
    text: String,
    /// The same with places to fill in, for clients that can.
    snippet: Option<String>,
    is_deprecated: bool,
}

impl Item {
    fn new(kind: u8, label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            kind,
            ..Self::default()
        }
    }

    fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    fn documentation(mut self, documentation: impl Into<String>) -> Self {
        self.documentation = documentation.into();
        self
    }

    fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }
}

/// What may come at the byte at `at`.
pub(super) fn at(page: &Page, at: u32, snippets: bool, host: &mut impl Host) -> Value {
    let (items, typed) = match typing::at(page, at) {
        Some(Typing::Comment(text)) => (lists::directives(page, at, text), text.trim_start()),
        Some(Typing::Heredoc(index, word)) => match variable(word, page.escape()) {
            Some(name) => (variables(page, index, word, host), name),
            None => (Vec::new(), ""),
        },
        Some(Typing::Instruction(words)) => instruction(page, &words, host),
        None => (Vec::new(), ""),
    };
    let span = Span::new(at - typed.len() as u32, at);
    let range = page.range(span);
    let items = items.into_iter().enumerate().map(|(order, item)| {
        let (text, format) = match item.snippet.filter(|_| snippets) {
            Some(snippet) => (snippet, 2),
            None if item.text.is_empty() => (item.label.clone(), 1),
            None => (item.text, 1),
        };
        let mut told = json!({
            "label": item.label,
            "kind": item.kind,
            "sortText": format!("{order:04}"),
            "insertTextFormat": format,
            "textEdit": { "range": range, "newText": text },
        });
        if !item.detail.is_empty() {
            told["detail"] = item.detail.into();
        }
        if !item.documentation.is_empty() {
            told["documentation"] = json!({ "kind": "markdown", "value": item.documentation });
        }
        if item.is_deprecated {
            told["deprecated"] = true.into();
        }
        told
    });
    json!({ "isIncomplete": false, "items": items.collect::<Vec<_>>() })
}

/// Items, and what is typed of them so far.
fn instruction<'a>(page: &Page, words: &Words<'a>, host: &mut impl Host) -> (Vec<Item>, &'a str) {
    let current = words.current;
    let Some(keyword) = words.keyword else {
        return (keywords(page, words), current);
    };
    if let Some(name) = variable(current, page.escape()) {
        return (variables(page, words.index, current, host), name);
    }
    if words.words.is_empty() && current.starts_with('-') {
        return match current.split_once('=') {
            Some((flag, value)) => flag_value(page, words, flag.trim_start_matches('-'), value),
            None => (flags(keyword, words), current),
        };
    }
    match keyword {
        Keyword::From => from(page, words),
        Keyword::Add | Keyword::Copy => files(page, words, host),
        Keyword::Arg => {
            // Above the stages they are there anyway.
            let in_stage = lists::stage_of(page, words.index).is_some();
            let names = if in_stage { lists::arguments(page) } else { Vec::new() };
            (if current.contains('=') { Vec::new() } else { names }, current)
        }
        Keyword::Label if !current.contains('=') => (lists::labels(), current),
        Keyword::Healthcheck if words.words.is_empty() => (lists::words(&["CMD", "NONE"], KEYWORD), current),
        Keyword::Stopsignal if words.words.is_empty() => (lists::words(&lists::SIGNALS, VALUE), current),
        Keyword::Shell if words.words.is_empty() => (lists::words(&lists::SHELLS, VALUE), current),
        Keyword::Expose => match current.split_once('/') {
            Some((_, protocol)) => (lists::words(&["tcp", "udp", "sctp"], VALUE), protocol),
            None => (Vec::new(), current),
        },
        _ => (Vec::new(), current),
    }
}

/// The beginning of a variable's name that the word ends in.
fn variable(word: &str, escape: char) -> Option<&str> {
    let (before, name) = word.rsplit_once('$')?;
    // An escape character in front takes its meaning.
    let is_escaped = before.ends_with(['\\', escape]);
    let name = name.strip_prefix('{').unwrap_or(name);
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !is_escaped).then_some(name)
}

fn variables(page: &Page, index: usize, word: &str, host: &mut impl Host) -> Vec<Item> {
    let in_braces = word.rsplit('$').next().is_some_and(|name| name.starts_with('{'));
    let variables = values::visible(page, index, host).into_iter();
    variables
        .map(|variable| {
            let detail = match &variable.value {
                Some(value) => value.chars().take(60).collect(),
                None => "without a value".to_owned(),
            };
            let text = match in_braces {
                true => format!("{}}}", variable.name),
                false => variable.name.clone(),
            };
            let about = texts::platform_argument(&variable.name);
            let origin = variable.origin.words();
            Item::new(VARIABLE, variable.name)
                .detail(detail)
                .documentation(about.unwrap_or(origin))
                .text(text)
        })
        .collect()
}

fn keywords(page: &Page, words: &Words<'_>) -> Vec<Item> {
    // In front of the first FROM only ARG may stand.
    let is_first = lists::stage_of(page, words.index).is_none();
    // Who types small letters wants small letters.
    let is_small = words.current.starts_with(|c: char| c.is_ascii_lowercase());
    let fits = |keyword: &Keyword| match keyword {
        Keyword::From => !words.is_trigger,
        Keyword::Onbuild | Keyword::Maintainer => !words.is_trigger && !is_first,
        Keyword::Arg => true,
        _ => !is_first || words.is_trigger,
    };
    let mut all: Vec<Keyword> = Keyword::ALL.into_iter().filter(fits).collect();
    all.sort_by_key(|keyword| (*keyword == Keyword::Maintainer, is_first && *keyword != Keyword::From));
    all.into_iter()
        .map(|keyword| {
            let case = |text: &str| if is_small { text.to_lowercase() } else { text.to_owned() };
            let (form, text) = texts::instruction(keyword);
            let name = case(keyword.name());
            Item {
                snippet: lists::snippet(keyword).map(|rest| format!("{name} {rest}")),
                is_deprecated: keyword == Keyword::Maintainer,
                ..Item::new(KEYWORD, name).detail(form).documentation(text)
            }
        })
        .collect()
}

fn flags(keyword: Keyword, words: &Words<'_>) -> Vec<Item> {
    let is_given = |name: &str| {
        let given = |flag: &String| flag.trim_start_matches('-').split('=').next() == Some(name);
        words.flags.iter().any(given)
    };
    let rules = keyword.flags().iter();
    rules
        .filter(|rule| rule.kind == FlagKind::List || !is_given(rule.name))
        .map(|rule| {
            let text = match rule.kind {
                FlagKind::Bool => format!("--{}", rule.name),
                FlagKind::String | FlagKind::List => format!("--{}=", rule.name),
            };
            Item::new(FIELD, format!("--{}", rule.name))
                .documentation(texts::flag(keyword, rule.name).unwrap_or_default())
                .text(text)
        })
        .collect()
}

fn flag_value<'a>(page: &Page, words: &Words<'a>, flag: &str, value: &'a str) -> (Vec<Item>, &'a str) {
    let Some(rule) = words.keyword.and_then(|keyword| keyword.flag(flag)) else {
        return (Vec::new(), value);
    };
    let items = match (words.keyword, rule.name) {
        (Some(Keyword::Run), "mount") => return mounts::value(page, words, value),
        (Some(Keyword::From), "platform") => lists::platforms(),
        (Some(Keyword::Copy), "from") => lists::stages(page, words.index),
        (Some(Keyword::Run), "network") => lists::words(&["default", "none", "host"], VALUE),
        (Some(Keyword::Run), "security") => lists::words(&["sandbox", "insecure"], VALUE),
        (_, "chmod") => lists::words(&["644", "755", "600", "700"], VALUE),
        (_, "checksum") => lists::words(&["sha256:"], VALUE),
        _ if rule.kind == FlagKind::Bool => lists::words(&["true", "false"], VALUE),
        _ => Vec::new(),
    };
    (items, value)
}

fn from<'a>(page: &Page, words: &Words<'a>) -> (Vec<Item>, &'a str) {
    let current = words.current;
    let items = match words.words.as_slice() {
        [] => {
            let mut items = lists::stages(page, words.index);
            items.push(Item::new(MODULE, "scratch").detail("nothing: no files, no layers"));
            items
        }
        [_] => lists::words(&["AS"], KEYWORD),
        _ => Vec::new(),
    };
    (items, current)
}

/// Files of the context.
fn files<'a>(page: &Page, words: &Words<'a>, host: &mut impl Host) -> (Vec<Item>, &'a str) {
    // An array of strings, or one string in quotes.
    let path = words.current.trim_start_matches(['[', '"', '\'']);
    let (directory, name) = match path.rfind('/') {
        Some(slash) => path.split_at(slash + 1),
        None => ("", path),
    };
    let has_source = words.flags.iter().any(|flag| flag.starts_with("--from"));
    let Some(file) = page.path().filter(|_| !has_source && !path.starts_with("<<")) else {
        return (Vec::new(), name);
    };
    let escape = page.escape();
    let is_plain = |name: &str| {
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '$' | ',') || c == escape;
        !name.contains(odd)
    };
    let directory = directory.trim_start_matches('/');
    let entries = host.entries(&file, directory).into_iter();
    let items = entries
        .filter(|entry| is_plain(&entry.name))
        .map(|entry| match entry.is_directory {
            true => Item::new(FOLDER, format!("{}/", entry.name)),
            false => Item::new(FILE, entry.name),
        });
    (items.collect(), name)
}
