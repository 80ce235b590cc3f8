//! A list of packages in no order.

use super::common::{commands, installed};
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State, Text};

pub(super) static RULE: Rule = Rule {
    code: "VV214",
    name: "unsorted-packages",
    family: Family::Varve,
    twin: None,
    level: Level::Style,
    state: State::Preview,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "An installation with one package on a line whose names are not in the order of the alphabet.",
        why: "Sorted lists are quick to look through, show a package that is named twice, and give small differences when they change.",
        example: "FROM debian:12\nRUN apt-get update && apt-get install -y \\\n    gcc \\\n    curl\n",
        instead: "FROM debian:12\nRUN apt-get update && apt-get install -y \\\n    curl \\\n    gcc\n",
        references: &["https://docs.docker.com/build/building/best-practices/#sort-multi-line-arguments"],
    },
    check,
    cases: "
=== fires at 4:5: lines
FROM debian:12
RUN apt-get update && apt-get install -y \\
    gcc=1 \\
    curl \\
    make && true
--- fixed
FROM debian:12
RUN apt-get update && apt-get install -y \\
    curl \\
    gcc=1 \\
    make && true

=== fires at 5:3: capitals count like small letters, and a comment keeps the list as it is
FROM alpine:3
RUN apk add --no-cache \\
  zlib \\
  # for the tests
  Bash
--- fixed
FROM alpine:3
RUN apk add --no-cache \\
  zlib \\
  # for the tests
  Bash

=== clean: sorted, on one line, or with a variable
FROM debian:12
RUN apt-get install -y \\
    a \\
    B \\
    c
RUN apt-get install -y z a
RUN apt-get install -y \\
    $z \\
    a

=== clean: a flag between them
FROM debian:12
RUN apt-get install -t stable \\
    z \\
    --no-install-recommends \\
    a
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in commands(document) {
        let Some(packages) = installed(command) else { continue };
        let line = |word: &Text| document.source.position(word.span.start).line;
        let on_lines = packages.windows(2).all(|pair| line(pair[0]) < line(pair[1]));
        let written = |word: &Text| word.literal && document.text(word.span) == word.text;
        // Nothing but packages at the end of the command.
        let last = command.words.iter().rev().take(packages.len());
        let together = last.zip(packages.iter().rev()).all(|(word, package)| word == *package);
        if packages.len() < 2 || !on_lines || !together || !packages.iter().all(|word| written(word)) {
            continue;
        }
        let key = |word: &Text| (word.text.to_lowercase(), word.text.clone());
        let Some(at) = packages.windows(2).position(|pair| key(pair[0]) > key(pair[1])) else {
            continue;
        };
        let message = format!("`{}` stands behind `{}`", packages[at + 1].text, packages[at].text);
        let finding = findings.add(run.instruction, packages[at + 1].span, message);
        let (first, end) = (packages[0].span.start, packages[packages.len() - 1].span.end);
        let between = document.text(crate::diagnostic::Span::new(first, end));
        // A comment is about the line below it.
        if between.lines().any(|line| line.trim_start().starts_with('#')) {
            continue;
        }
        let mut sorted = packages.clone();
        sorted.sort_by_key(|word| key(word));
        let edits = packages
            .iter()
            .zip(&sorted)
            .filter(|(old, new)| old.text != new.text)
            .map(|(old, new)| Edit::replace(old.span, new.text.as_str()))
            .collect();
        finding.fix(Fix::safe("sort the packages", edits));
    }
}
