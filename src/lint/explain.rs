//! What a person may want to know about a rule, as a page.

use super::finding::Level;
use super::rule::{Family, Fixable, Rule, State};
use super::rules::every_rule;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The page of `rule`, in Markdown.
pub fn explain(rule: &Rule) -> String {
    let docs = &rule.docs;
    let mut page = String::new();
    let mut line = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    line(&format!("# {} ({})", rule.code, rule.name));
    line("");
    line(docs.what);
    line("");
    line(&facts(rule));
    line("");
    line("## Why");
    line("");
    line(docs.why);
    line("");
    line("## Example");
    line("");
    line(&block(docs.example));
    line("Write instead:");
    line("");
    line(&block(docs.instead));
    line("## References");
    line("");
    for reference in docs.references {
        match reference.starts_with("https://") {
            true => line(&format!("- <{reference}>")),
            false => line(&format!("- {reference}")),
        }
    }
    page
}

/// Where BuildKit's own page about a check of its is; `None` for other rules, and for the check that has none.
pub fn address(rule: &Rule) -> Option<String> {
    let has_page = rule.family == Family::BuildKit && rule.code != "InvalidBaseImagePlatform";
    has_page.then(|| format!("https://docs.docker.com/go/dockerfile/rule/{}/", rule.name))
}

/// A JSON schema (draft 2020-12) of an object that gives rules by code their levels, for editors: `$defs/rule` is every
/// rule with what it finds, `$defs/level` every level.
pub fn schema() -> Value {
    let rules: Vec<Value> = every_rule()
        .map(|rule| json!({"const": rule.code, "title": rule.name, "description": rule.docs.what}))
        .collect();
    let levels = [Level::Error, Level::Warning, Level::Info, Level::Style].map(Level::word);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Levels of the rules of varve lint",
        "type": "object",
        "propertyNames": {"$ref": "#/$defs/rule"},
        "additionalProperties": {"$ref": "#/$defs/level"},
        "$defs": {
            "rule": {"oneOf": rules},
            "level": {"enum": levels},
        },
    })
}

/// Level, family, twin, state and fix, one a line of a list.
fn facts(rule: &Rule) -> String {
    let family = match rule.family {
        Family::Hadolint => "hadolint",
        Family::BuildKit => "BuildKit's checks",
        Family::Varve => "varve",
    };
    let mut facts = format!("- From: {family}\n- Level: {}", rule.level);
    let state = match rule.state {
        State::On => "on",
        State::Preview => "on with `--preview`",
        State::Off => "off until its code is named",
    };
    let fix = match rule.fixable {
        Fixable::No => "none",
        Fixable::Safe => "safe",
        Fixable::Unsafe => "with `--unsafe`",
    };
    let _ = write!(facts, "\n- State: {state}\n- Fix: {fix}");
    if let Some(twin) = rule.twin {
        let _ = write!(facts, "\n- Said by `{twin}` as well");
    }
    facts
}

/// A Dockerfile as Markdown shows it. Its own fences would end the block early.
fn block(text: &str) -> String {
    let fence = match text.contains("```") {
        true => "````",
        false => "```",
    };
    format!("{fence}dockerfile\n{}\n{fence}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::rules;
    use std::collections::BTreeMap;
    use std::path::Path;

    /// The pages below `docs/rules`, the list of them among them.
    fn pages() -> BTreeMap<String, String> {
        let mut list = String::from(
            "# Rules of `varve lint`\n\nWritten from the rules themselves; `UPDATE=1 cargo test --lib lint::explain` writes \
             these pages anew.\n\n| code | name | level | state | fix | finds |\n|---|---|---|---|---|---|\n",
        );
        let mut pages = BTreeMap::new();
        for rule in every_rule() {
            let state = match rule.state {
                State::On => "",
                State::Preview => "preview",
                State::Off => "off",
            };
            let fix = match rule.fixable {
                Fixable::No => "",
                Fixable::Safe => "safe",
                Fixable::Unsafe => "unsafe",
            };
            let what = rule.docs.what.replace('|', "\\|");
            let (code, name, level) = (rule.code, rule.name, rule.level);
            let _ = writeln!(
                list,
                "| [{code}]({code}.md) | {name} | {level} | {state} | {fix} | {what} |"
            );
            pages.insert(format!("{}.md", rule.code), explain(rule));
        }
        pages.insert("README.md".to_owned(), list);
        let schema = serde_json::to_string_pretty(&schema()).unwrap();
        pages.insert("schema.json".to_owned(), schema + "\n");
        pages
    }

    #[test]
    fn the_pages_are_up_to_date() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
        let mut stored: BTreeMap<String, String> = BTreeMap::new();
        if let Ok(entries) = std::fs::read_dir(&folder) {
            for entry in entries {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                stored.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
        let pages = pages();
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            std::fs::create_dir_all(&folder).unwrap();
            for name in stored.keys().filter(|name| !pages.contains_key(*name)) {
                std::fs::remove_file(folder.join(name)).unwrap();
            }
            for (name, page) in &pages {
                std::fs::write(folder.join(name), page).unwrap();
            }
            return;
        }
        let differ: Vec<&String> = pages
            .keys()
            .chain(stored.keys())
            .filter(|name| pages.get(*name) != stored.get(*name))
            .collect();
        assert_eq!(differ, Vec::<&String>::new(), "UPDATE=1 writes them anew");
    }

    #[test]
    fn checks_have_their_addresses() {
        for &rule in rules().iter().filter(|rule| rule.family == Family::BuildKit) {
            let letters: String = rule.name.chars().filter(|c| *c != '-').collect();
            assert_eq!(letters, rule.code.to_lowercase());
        }
    }
}
