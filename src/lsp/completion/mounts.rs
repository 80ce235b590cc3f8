//! Keys and values of `RUN --mount`.

use super::{Item, PROPERTY, VALUE, lists};
use crate::lsp::page::Page;
use crate::lsp::texts;
use crate::lsp::typing::Words;
use crate::plan::MOUNT_KEYS;

/// What may come in `value`, which ends at the cursor.
pub(super) fn value<'a>(page: &Page, words: &Words<'a>, value: &'a str) -> (Vec<Item>, &'a str) {
    let (before, field) = value.rsplit_once(',').unwrap_or(("", value));
    let given: Vec<(&str, &str)> = before
        .split(',')
        .filter(|field| !field.is_empty())
        .map(|field| field.split_once('=').unwrap_or((field, "")))
        .collect();
    let kind = given
        .iter()
        .rev()
        .find(|(key, _)| key.eq_ignore_ascii_case("type"))
        .map_or("bind", |(_, kind)| *kind);
    if let Some((key, typed)) = field.split_once('=') {
        let items = match key.to_ascii_lowercase().as_str() {
            "type" => {
                let kinds = MOUNT_KEYS.map(|(kind, _)| kind);
                lists::words(&kinds, VALUE)
            }
            "from" => lists::stages(page, words.index),
            "sharing" => lists::words(&["shared", "private", "locked"], VALUE),
            "required" | "readonly" | "ro" | "readwrite" | "rw" => lists::words(&["true", "false"], VALUE),
            _ => Vec::new(),
        };
        return (items, typed);
    }
    let keys = MOUNT_KEYS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(kind))
        .map_or(&[] as &[&str], |(_, keys)| keys);
    // The type is read first, and decides about the others.
    let keys = given
        .is_empty()
        .then_some("type")
        .into_iter()
        .chain(keys.iter().copied());
    let items = keys
        .filter(|key| !given.iter().any(|(known, _)| known.eq_ignore_ascii_case(key)))
        .map(|key| {
            let is_switch = matches!(key, "readonly" | "readwrite" | "required");
            let text = if is_switch { key.to_owned() } else { format!("{key}=") };
            Item::new(PROPERTY, key)
                .documentation(texts::mount_key(key).unwrap_or_default())
                .text(text)
        });
    (items.collect(), field)
}
