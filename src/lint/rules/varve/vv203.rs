//! What the ignore file lets through.

use super::common::{amount, file_name, whole_copies};
use crate::lint::{ContextEntry, Docs, Document, Family, Findings, Fixable, Level, Notable, Rule, State, notable};

pub(super) static RULE: Rule = Rule {
    code: "VV203",
    name: "leaky-context",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A copy of the whole context with a history, installed dependencies or files of secrets among it, which `.dockerignore` does not keep out.",
        why: "Histories and dependencies are large and made for another machine; secrets become part of a layer, where everybody who has the image can read them.",
        example: "FROM node:22\nCOPY . /app\n",
        instead: "FROM node:22\nCOPY src /app\n",
        references: &["https://docs.docker.com/build/concepts/context/#dockerignore-files"],
    },
    check,
    cases: "
=== fires at 2:6: what is not kept out
--- with ignore *.md
--- with context .git 100 5000000
--- with context web/node_modules 9000 90000000
--- with context a.md 1 5
FROM node:22
COPY . /app

=== fires at 2:6: a key that an exception lets through
--- with ignore *
--- with ignore !keys
--- with context keys/a.key 1 100
FROM node:22
ADD [\".\", \"/app\"]

=== clean: all of it is kept out
--- with ignore .git
--- with ignore **/node_modules
--- with context .git 100 5000000
--- with context web/node_modules 9000 90000000
--- with context .env.example 1 5
FROM node:22
COPY . /app

=== clean: no ignore file is another finding
--- with context .git 100 5000000
FROM node:22
COPY . /app

=== clean: not copied
--- with ignore *.md
--- with context .git 100 5000000
FROM node:22
COPY src /app
",
};

/// Entries that are told of by name.
const SHOWN: usize = 5;

fn check(document: &Document<'_>, findings: &mut Findings) {
    let (Some(context), Some(ignore)) = (document.surroundings.context, document.surroundings.ignore) else {
        return;
    };
    let Some((outer, source)) = whole_copies(document).into_iter().next() else {
        return;
    };
    let why = |entry: &ContextEntry| notable(file_name(&entry.path));
    let mut leaks: Vec<&ContextEntry> = context
        .entries
        .iter()
        .filter(|entry| why(entry).is_some() && !ignore.excludes(entry.path.as_bytes()))
        .collect();
    leaks.sort_by_key(|entry| (why(entry), std::cmp::Reverse(entry.bytes), &entry.path));
    let more = leaks.len().saturating_sub(SHOWN);
    for entry in leaks.into_iter().take(SHOWN) {
        let size = amount(entry.files, entry.bytes, entry.more);
        let path = &entry.path;
        let message = match why(entry) {
            Some(Notable::Secret) => format!("`{path}` usually holds secrets, and becomes part of the image"),
            Some(Notable::History) => format!("the history in `{path}` becomes part of the image: {size}"),
            _ => format!("`{path}` becomes part of the image, and was made outside of it: {size}"),
        };
        let finding = findings.add(outer, source.span, message);
        finding.help(format!("add `{path}` to `.dockerignore`"));
        if more > 0 {
            finding.help(format!("{more} more like these are not listed"));
        }
    }
}
