//! COPY of an ignored file.

use crate::dockerfile::Keyword;
use crate::lint::words;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "CopyIgnoredFile",
    name: "copy-ignored-file",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `COPY` or `ADD` of something that the ignore file keeps out of the context.",
        why: "The file is there on disk, and still the build does not find it. Only found where the context is known, \
              and when its ignore file makes no exceptions.",
        example: "FROM debian:12\nCOPY secret.txt /\n",
        instead: "FROM debian:12\nCOPY public.txt /\n",
        references: &["https://docs.docker.com/reference/build-checks/copy-ignored-file/"],
    },
    check,
    cases: r#"
=== fires at 2:6, 3:16: by itself, and below a directory
--- with ignore secret.txt
--- with ignore build
FROM debian:12
COPY ./secret.txt /
COPY ["a.txt", "/build/app", "/"]

=== fires on 3: variables are replaced
--- with ignore secret.txt
FROM debian:12
ARG X=secret
ADD $X.txt /

=== fires on 2: the whole context, when nothing is left of it
--- with ignore *
FROM debian:12
COPY . /

=== clean: the whole context, other stages, addresses and heredocs
--- with ignore secret.txt
FROM debian:12 AS base
COPY . /
ADD https://example.org/secret.txt /
COPY <<secret.txt /
secret.txt
COPY --from=base secret.txt /

=== clean: exceptions are hard to follow
--- with ignore *
--- with ignore !src
FROM debian:12
COPY secret.txt /
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let Some(ignore) = document.surroundings.ignore else {
        return;
    };
    if ignore.is_empty() || ignore.has_exceptions() {
        return;
    }
    for step in &document.scopes().steps {
        let instruction = step.instruction;
        let (Some(Keyword::Add | Keyword::Copy), Some((_, target))) = (instruction.keyword, words::copied(instruction))
        else {
            continue;
        };
        if words::flag(instruction, "from").is_some() {
            continue;
        }
        for (span, source) in step.words.iter().filter(|(span, _)| *span != target.span) {
            let is_remote = source.contains("://") || source.starts_with("git@");
            if !is_remote && ignore.excludes_source(source) {
                let message = format!("the ignore file keeps `{source}` out of the context");
                findings.add_at(step.line, *span, message);
            }
        }
    }
}
