//! Changes to a volume that are lost.

use crate::dockerfile::Keyword;
use crate::lint::shell::Text;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV305",
    name: "write-after-volume",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` that writes below a folder declared with `VOLUME` earlier in the stage.",
        why: "Older builders throw such changes away, and a volume that is mounted when the container starts hides them.",
        example: "FROM debian:12\nVOLUME /data\nRUN mkdir -p /data/app\n",
        instead: "FROM debian:12\nRUN mkdir -p /data/app\nVOLUME /data\n",
        references: &["https://docs.docker.com/reference/dockerfile/#notes-about-specifying-volumes"],
    },
    check,
    cases: "
=== fires at 3:14, 4:18: made and written
FROM debian:12
VOLUME [\"/data\", \"/x\"]
RUN mkdir -p /data/app
RUN echo hello > /x/greeting

=== fires at 3:20: owners
FROM debian:12
VOLUME /data
RUN chown -R app:a /data

=== clean: before, elsewhere, and only read
FROM debian:12
RUN mkdir /data
VOLUME /data
RUN cat /data/x && mkdir /database
FROM debian:12
RUN mkdir /data/x
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs().iter().filter(|run| !run.onbuild) {
        let Some(stage) = run.stage.and_then(|stage| document.stages().get(stage)) else {
            continue;
        };
        let before = &document.instructions()[stage.range.start..run.index.max(stage.range.start)];
        let volumes: Vec<&str> = before
            .iter()
            .filter(|instruction| instruction.keyword == Some(Keyword::Volume))
            .flat_map(words::list)
            .map(|word| words::unquoted(&word.text).trim_end_matches('/'))
            .filter(|path| path.starts_with('/'))
            .collect();
        let is_inside = |path: &str| {
            volumes.iter().any(|volume| {
                path.strip_prefix(volume)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        for command in run.commands().iter().filter(|_| !volumes.is_empty()) {
            let words: &[Text] = match command.name.as_ref().map_or("", |name| name.text.as_str()) {
                "mkdir" | "touch" | "chown" | "chmod" | "tee" | "rm" | "chgrp" => &command.words,
                "cp" | "mv" | "install" | "ln" => command.words.last().map_or(&[], std::slice::from_ref),
                _ => &[],
            };
            let written = command
                .redirects
                .iter()
                .filter(|it| it.operator.contains('>'))
                .map(|it| &it.target);
            if let Some(word) = words.iter().chain(written).find(|word| is_inside(&word.text)) {
                findings
                    .add(
                        run.instruction,
                        word.span,
                        format!("`{}` lies in a volume, so this change may be lost", word.text),
                    )
                    .help("move `VOLUME` behind the last step that writes there");
            }
        }
    }
}
