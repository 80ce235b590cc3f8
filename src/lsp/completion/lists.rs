//! Lists of what may come next.

use super::{Item, KEYWORD, MODULE, PROPERTY, VALUE, VARIABLE};
use crate::dockerfile::{Body, Keyword};
use crate::lsp::page::Page;
use crate::lsp::texts;

/// Signals that programs end by.
pub(super) const SIGNALS: [&str; 6] = ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGWINCH"];

/// Shells as SHELL wants them.
pub(super) const SHELLS: [&str; 4] = [
    r#"["/bin/bash", "-o", "pipefail", "-c"]"#,
    r#"["/bin/ash", "-eo", "pipefail", "-c"]"#,
    r#"["/bin/sh", "-c"]"#,
    r#"["powershell", "-Command"]"#,
];

/// Platforms that images are often made for.
const PLATFORMS: [&str; 7] = [
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/386",
    "linux/ppc64le",
    "linux/riscv64",
    "linux/s390x",
];

/// Labels that the image specification of OCI defines, without what they all begin with.
const LABELS: [(&str, &str); 12] = [
    ("authors", "Who answers for the image."),
    ("created", "When it was made, as RFC 3339 has it."),
    ("description", "What is in it, in a few sentences."),
    ("documentation", "Where to read about it."),
    ("licenses", "Its licences, as an SPDX expression."),
    ("ref.name", "Its name in a layout."),
    ("revision", "The commit that it was made from."),
    ("source", "Where its sources are."),
    ("title", "Its name for people."),
    ("url", "Where to learn more."),
    ("vendor", "Who distributes it."),
    ("version", "The version of what is in it."),
];

/// Plain words.
pub(super) fn words(words: &[&str], kind: u8) -> Vec<Item> {
    words.iter().map(|word| Item::new(kind, *word)).collect()
}

/// The stage that the instruction with this index belongs to.
pub(super) fn stage_of(page: &Page, index: usize) -> Option<usize> {
    let document = page.document();
    let stages = document.stages();
    // `range` begins behind the FROM.
    stages
        .partition_point(|stage| stage.range.start <= index)
        .checked_sub(1)
}

/// Names of the stages above the one that the instruction with this index belongs to.
pub(super) fn stages(page: &Page, index: usize) -> Vec<Item> {
    let document = page.document();
    let above = document.stages().iter().take_while(|stage| stage.range.start <= index);
    let is_from = |index: usize| {
        let instruction = page.instructions().get(index);
        instruction.is_none_or(|instruction| instruction.keyword == Some(Keyword::From))
    };
    let own = stage_of(page, index).filter(|_| !is_from(index));
    let mut seen = std::collections::HashSet::new();
    let mut items: Vec<Item> = above
        .filter(|stage| Some(stage.index) != own)
        .filter_map(|stage| Some((stage, stage.name?)))
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .filter(|(_, name)| seen.insert(name.text.to_lowercase()))
        .map(|(stage, name)| {
            let detail = stage.from.text.chars().take(80).collect::<String>();
            Item::new(MODULE, name.text.as_str())
                .detail(detail)
                .documentation(stage.from.doc.clone().unwrap_or_default())
        })
        .collect();
    items.reverse();
    items
}

/// Names that an ARG of a stage may bring in.
pub(super) fn arguments(page: &Page) -> Vec<Item> {
    let document = page.document();
    let mut items: Vec<Item> = Vec::new();
    for instruction in document.preamble() {
        if let (Some(Keyword::Arg), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body) {
            items.extend(pairs.iter().map(|pair| {
                let value = pair.value.as_ref().map_or("", |value| &value.text);
                Item::new(VARIABLE, pair.key.text.as_str()).detail(value)
            }));
        }
    }
    items.extend(texts::PLATFORM_ARGUMENTS.iter().map(|(name, text)| {
        Item::new(VARIABLE, *name)
            .detail("from the builder")
            .documentation(*text)
    }));
    items
}

pub(super) fn platforms() -> Vec<Item> {
    let mut items: Vec<Item> = ["$BUILDPLATFORM", "$TARGETPLATFORM"]
        .into_iter()
        .map(|name| {
            let text = texts::platform_argument(&name[1..]).unwrap_or_default();
            Item::new(VARIABLE, name).documentation(text)
        })
        .collect();
    items.extend(words(&PLATFORMS, VALUE));
    items
}

pub(super) fn labels() -> Vec<Item> {
    let labels = LABELS.iter();
    labels
        .map(|(name, text)| {
            let name = format!("org.opencontainers.image.{name}");
            let item = Item {
                snippet: Some(format!("{name}=\"$1\"")),
                ..Item::new(PROPERTY, name.as_str())
            };
            item.documentation(*text).text(format!("{name}="))
        })
        .collect()
}

/// Directives that are not there yet, when the byte at `at` is where one may stand.
pub(super) fn directives(page: &Page, at: u32, typed: &str) -> Vec<Item> {
    let above = page.text().get(..at as usize).unwrap_or_default();
    let known = &page.parsed().dockerfile.directives;
    let line = above.matches('\n').count();
    // The zone ends with the first line that is none.
    if line > known.len() || typed.trim_start().contains(char::is_whitespace) {
        return Vec::new();
    }
    let all = [
        ("syntax", "syntax=docker/dockerfile:1"),
        ("escape", "escape=`"),
        ("check", "check=skip="),
    ];
    let left = all
        .into_iter()
        .filter(|(key, _)| !known.iter().any(|it| it.key == *key && it.span.end < at));
    left.map(|(key, text)| {
        Item::new(KEYWORD, key)
            .documentation(texts::directive(key).unwrap_or_default())
            .text(text)
    })
    .collect()
}

/// An instruction's arguments with places to fill in, where there is a usual form.
pub(super) const fn snippet(keyword: Keyword) -> Option<&'static str> {
    Some(match keyword {
        Keyword::Add | Keyword::Copy => "${1:source} ${2:destination}",
        Keyword::Arg => "${1:NAME}",
        Keyword::Cmd | Keyword::Entrypoint => "[\"${1:program}\"$2]",
        Keyword::Env => "${1:NAME}=${2:value}",
        Keyword::Expose => "${1:port}",
        Keyword::From => "${1:image}:${2:tag}",
        Keyword::Healthcheck => "CMD ${1:command}",
        Keyword::Label => "${1:key}=\"${2:value}\"",
        Keyword::Run => "${1:command}",
        Keyword::Shell => "[\"${1:/bin/bash}\", \"-c\"]",
        Keyword::Stopsignal => "${1:SIGTERM}",
        Keyword::User => "${1:user}",
        Keyword::Volume => "${1:/path}",
        Keyword::Workdir => "${1:/path}",
        Keyword::Maintainer | Keyword::Onbuild => return None,
    })
}
