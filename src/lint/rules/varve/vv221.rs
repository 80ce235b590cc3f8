//! Copies that could be one.

use crate::dockerfile::{Instruction, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV221",
    name: "mergeable-copies",
    family: Family::Varve,
    twin: None,
    level: Level::Style,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "Two or more `COPY` of files in a row, with the same flags and into the same directory.",
        why: "Each makes a layer. One instruction with several sources makes one, and says in one place what goes there.",
        example: "FROM node:22\nCOPY package.json ./\nCOPY package-lock.json ./\n",
        instead: "FROM node:22\nCOPY package.json package-lock.json ./\n",
        references: &["https://docs.docker.com/reference/dockerfile/#copy"],
    },
    check,
    cases: "
=== fires at 3:1, 5:1: into one directory, each run of them once
FROM node:22
COPY package.json ./
COPY package-lock.json ./
COPY --from=x a.txt /b/
COPY --from=x b.txt /b/
COPY --from=x c.txt /b/

=== clean: other flags, directories or instructions between them
FROM node:22
COPY a.txt ./
COPY --chown=app b.txt ./
COPY c.txt /c/
ADD d.txt /c/
COPY e.txt /c/
RUN true
COPY f.txt /c/

=== clean: a folder's content goes where it is copied
FROM node:22
COPY src ./
COPY lib ./
COPY x.txt ./
COPY y.txt ./z.txt
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let mut told = false;
        for pair in document.instructions_of(stage).windows(2) {
            let together = match (destination(&pair[0]), destination(&pair[1])) {
                (Some(one), Some(other)) => one == other && flags(&pair[0]).eq(flags(&pair[1])),
                _ => false,
            };
            if together && !told {
                findings.add(
                    &pair[1],
                    pair[1].name.span,
                    format!("this could be one instruction with line {}", pair[0].lines.0),
                );
            }
            told = together;
        }
    }
}

/// The directory that a COPY of files goes to. A folder has no dot in its name, as far as that can be told.
fn destination(copy: &Instruction) -> Option<&str> {
    if copy.keyword != Some(Keyword::Copy) || !copy.heredocs.is_empty() {
        return None;
    }
    let (sources, target) = words::copied(copy)?;
    let is_file = |source: &str| {
        let name = source.rsplit('/').next().unwrap_or_default();
        name.trim_start_matches('.').contains('.')
    };
    let target = words::unquoted(&target.text);
    let files = sources.iter().all(|source| is_file(words::unquoted(&source.text)));
    (files && (target.ends_with('/') || target == ".")).then_some(target)
}

fn flags(copy: &Instruction) -> impl Iterator<Item = (&str, Option<&str>)> {
    copy.flags
        .iter()
        .map(|flag| (flag.name.as_str(), flag.value.as_deref()))
}
