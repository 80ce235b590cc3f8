//! Owner or mode of a whole tree changed.

use super::common::{Directory, destinations, is_within, places, runs_of};
use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV210",
    name: "tree-stored-twice",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A recursive `chmod` or `chown` of a folder that several earlier instructions of the stage filled.",
        why: "A layer holds whole files: each one that gets another owner or mode is stored a second time, however small the change.",
        example: "FROM node:22\nCOPY package.json /app/\nCOPY src /app/src\nRUN chown -R node /app\n",
        instead: "FROM node:22\nCOPY --chown=node package.json /app/\nCOPY --chown=node src /app/src\n",
        references: &["https://docs.docker.com/reference/dockerfile/#copy---chown---chmod"],
    },
    check,
    cases: "
=== fires at 4:19: filled by copies
FROM node:22
COPY package.json /app/
COPY src /app/src
RUN chown -R node /app

=== fires at 5:36: by a relative path, with others
FROM node:22
WORKDIR /srv/app
COPY a b ./
COPY c .
RUN cd .. && chmod --recursive g+w app && chmod -R a /x

=== clean: one copy alone is another rule's; not recursive; empty folders; owners that were said
FROM node:22
COPY . /app
RUN chown -R node /app
COPY a /b/
COPY c /b/
RUN chmod 755 /b && mkdir /c && chown -R node /c
COPY --chown=node a /d/
COPY --chown=node b /d/
RUN chmod -R g+w /e

=== clean: owners that were said already
FROM node:22
COPY --chown=node a /d/
COPY --chown=node b /d/
RUN chown -R node /d
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let mut copies = Vec::new();
        let mut directory = Directory::of_stage(document, stage);
        let mut runs = runs_of(document, stage).peekable();
        for (index, instruction) in stage.range.clone().zip(document.instructions_of(stage)) {
            directory.see(instruction);
            if matches!(instruction.keyword, Some(Keyword::Copy | Keyword::Add)) {
                copies.push((instruction, destinations(instruction, &directory)));
            }
            let Some(run) = runs.next_if(|run| run.index == index) else {
                continue;
            };
            for (command, directory) in places(run, directory.clone()) {
                let flag = match command.name.as_ref().map_or("", |name| name.text.as_str()) {
                    "chmod" => "chmod",
                    "chown" => "chown",
                    _ => continue,
                };
                if !command.has_flag(&["R", "recursive"]) {
                    continue;
                }
                for target in command.arguments().skip(1) {
                    let path = directory.path(&target.text);
                    let inside = |paths: &[String]| paths.iter().any(|own| is_within(own, &path));
                    let touched = copies
                        .iter()
                        .filter(|(copy, paths)| words::flag(copy, flag).is_none() && inside(paths))
                        .count();
                    if touched > 1 {
                        findings
                            .add(
                                run.instruction,
                                target.span,
                                format!(
                                    "what {touched} copies brought to `{}` is stored a second time",
                                    target.text
                                ),
                            )
                            .help(format!("say `--{flag}` while copying"));
                    }
                }
            }
        }
    }
}
