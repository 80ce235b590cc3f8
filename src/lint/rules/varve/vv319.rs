//! A stage named by its number.

use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV319",
    name: "numbered-stage",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "`COPY --from` or `--mount=from` with the number of a stage.",
        why: "Numbers move when a stage is added or taken out, and then name another stage without any error.",
        example: "FROM golang:1.25\nRUN go build -o /app .\nFROM debian:12\nCOPY --from=0 /app /app\n",
        instead: "FROM golang:1.25 AS build\nRUN go build -o /app .\nFROM debian:12\nCOPY --from=build /app /app\n",
        references: &["https://docs.docker.com/build/building/multi-stage/#name-your-build-stages"],
    },
    check,
    cases: "
=== fires at 3:6: a stage without a name
FROM golang:1.25
FROM debian:12
COPY --from=0 /app /app

=== fires at 3:6: a stage with a name
FROM golang:1.25 AS build
FROM debian:12
COPY --from=0 /app /app
--- fixed
FROM golang:1.25 AS build
FROM debian:12
COPY --from=build /app /app

=== fires at 3:5: a mount
FROM golang:1.25
FROM debian:12
RUN --mount=type=bind,from=0,target=/x cp /x/a /a

=== clean: names, images, and numbers that are no stage's
FROM golang:1.25 AS build
FROM debian:12
COPY --from=build /app /app
COPY --from=3 /app /app
COPY --from=busybox:1 /bin/sh /sh
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let stages = document.stages();
    let mut here = 0;
    for (outer, instruction) in document.instructions_and_triggers() {
        if outer.keyword == Some(crate::dockerfile::Keyword::From) {
            here += 1;
            continue;
        }
        for flag in &instruction.flags {
            let value = flag.value.as_deref().unwrap_or_default();
            let from = match flag.name.as_str() {
                "from" => Some(value),
                "mount" => value.split(',').find_map(|field| field.strip_prefix("from=")),
                _ => None,
            };
            let index = from.and_then(|from| words::unquoted(from).parse::<usize>().ok());
            let Some((index, stage)) = index.and_then(|index| Some((index, stages[..here].get(index)?))) else {
                continue;
            };
            let finding = findings.add(
                outer,
                flag.span,
                format!("stage {index} becomes another one when a stage is added above it"),
            );
            match stage.name {
                Some(name) => {
                    finding.help(format!("its name is `{}`", name.text));
                    let unique = document.stage_named(&name.text, here) == Some(stage.index);
                    if unique && document.text(flag.span) == format!("--from={index}") {
                        let edit = Edit::replace(flag.span, format!("--from={}", name.text));
                        finding.fix(Fix::unsafe_("name the stage", vec![edit]));
                    }
                }
                None => {
                    finding.help("give it a name with `AS`");
                }
            }
        }
    }
}
