//! A stage that nothing uses and nobody can ask for.

use super::common::{final_stage, needed_by};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV212",
    name: "unused-stage",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A stage without a name, or with a name that a later stage takes over, of which the stage that is built needs nothing.",
        why: "BuildKit skips it and other builders build it for nothing. Usually a `COPY --from` was forgotten, or the last `FROM` was meant to begin with this stage.",
        example: "FROM golang:1.25\nRUN go build -o /app .\nFROM debian:12\nCMD [\"/app\"]\n",
        instead: "FROM golang:1.25 AS build\nRUN go build -o /app .\nFROM debian:12\nCOPY --from=build /app /app\nCMD [\"/app\"]\n",
        references: &["https://docs.docker.com/build/building/multi-stage/"],
    },
    check,
    cases: "
=== fires at 1:6: a copy was forgotten
FROM golang:1.25
RUN go build -o /app .
FROM debian:12
CMD [\"/app\"]

=== fires at 1:6, 3:6: one that only another one needs
FROM debian:12
RUN a
FROM debian:12
COPY --from=0 /a /a
FROM debian:12

=== clean: used by number, name, mount or FROM; and one that can be asked for
FROM a:1
FROM b:1 AS b
FROM c:1 AS c
FROM test:1 AS test
FROM B
COPY --from=0 /x /x
RUN --mount=type=bind,from=c,target=/c cp -r /c /d

=== clean: the stage that is built is another one
--- with target early
FROM a:1 AS early
FROM b:1

=== fires at 1:6: the name is taken over
FROM a:1 AS x
FROM b:1 AS X
FROM x
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let Some(last) = final_stage(document) else { return };
    let stages = document.stages();
    let needed = needed_by(document, last);
    for stage in &stages[..last.index] {
        let can_be_named = stage.name.is_some_and(|name| {
            let mut later = stages[stage.index + 1..].iter().filter_map(|other| other.name);
            !later.any(|other| other.text.eq_ignore_ascii_case(&name.text))
        });
        if let Some(image) = stage.image
            && !needed[stage.index]
            && !can_be_named
        {
            findings
                .add(stage.from, image.span, "nothing uses this stage")
                .help("give it a name and copy from it with `COPY --from`, or take it out");
        }
    }
}
