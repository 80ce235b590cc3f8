//! The whole context without an ignore file.

use super::common::{amount, file_name, whole_copies};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, notable};

pub(super) static RULE: Rule = Rule {
    code: "VV202",
    name: "missing-ignore-file",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `COPY` or `ADD` of the whole context where there is no `.dockerignore`.",
        why: "Whatever lies in the directory goes into the image and into the cache's key: the history, what was installed for another machine, editors' files, keys. Each change of any of it makes the step run again.",
        example: "FROM node:22\nCOPY . /app\n",
        instead: "FROM node:22\nCOPY package.json src /app/\n",
        references: &[
            "https://docs.docker.com/build/concepts/context/#dockerignore-files",
            "https://docs.docker.com/build/building/best-practices/#exclude-with-dockerignore",
        ],
    },
    check,
    cases: "
=== fires at 2:6: the first such copy
--- with context src 3 2000
--- with context .git 100 5000000
FROM node:22
COPY . /app
COPY ./ /again

=== clean: an ignore file
--- with context src 3 2000
--- with ignore .git
FROM node:22
COPY . /app

=== clean: nobody knows what the context is
FROM node:22
COPY . /app

=== clean: some files alone, and another stage's
--- with context src 3 2000
FROM node:22
COPY src /app
COPY --from=x . /app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let (Some(context), None) = (document.surroundings.context, document.surroundings.ignore) else {
        return;
    };
    let Some((outer, source)) = whole_copies(document).into_iter().next() else {
        return;
    };
    // What is noted beside the top is counted there already.
    let top = || context.entries.iter().filter(|entry| !entry.path.contains('/'));
    let (files, bytes) = (top().map(|it| it.files).sum(), top().map(|it| it.bytes).sum());
    let all = amount(files, bytes, top().any(|it| it.more));
    let finding = findings.add(
        outer,
        source.span,
        format!("there is no `.dockerignore`, so this copies all there is: {all}"),
    );
    let noted: Vec<String> = context
        .entries
        .iter()
        .filter(|entry| notable(file_name(&entry.path)).is_some())
        .take(5)
        .map(|entry| format!("`{}`", entry.path))
        .collect();
    finding.help(match noted.is_empty() {
        true => "write a `.dockerignore` with what no image needs".to_owned(),
        false => format!("write a `.dockerignore` with what no image needs: {}", noted.join(", ")),
    });
}
