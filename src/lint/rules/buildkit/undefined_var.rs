//! Variables that are not set.

use crate::diagnostic::Span;
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "UndefinedVar",
    name: "undefined-var",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A variable that neither an `ARG` nor an `ENV` of its scope sets.",
        why: "It is replaced by nothing, and `COPY $nothing .` copies everything. Where the base image is not known, \
              upper-case names that it may define are passed over, unless they are slips or `ARG`s of another scope.",
        example: "FROM debian:12\nCOPY $foo .\n",
        instead: "FROM debian:12\nARG foo=src\nCOPY $foo .\n",
        references: &["https://docs.docker.com/reference/build-checks/undefined-var/"],
    },
    check,
    cases: "
=== fires at 2:6, 3:10, 4:7, 5:9, 6:16: wherever variables are replaced
FROM alpine:3
COPY $foo .
ENV PATH=$PAHT:/bin
LABEL $a=1
WORKDIR ${b:-/}
USER root:root-$c
EXPOSE $port
RUN echo $d

=== fires on 4, 6, 8: scopes end, and an ARG above the first FROM has to be declared again
ARG GLOBAL=1
FROM golang:1.23 AS base
ARG INNER=1
LABEL a=$GLOBAL b=$INNER
FROM golang:1.23
LABEL a=$INNER b=$GOPATH
FROM base
LABEL a=$INNER b=$GLOBAL

=== fires on 2: heredocs
FROM debian:12
COPY <<A <<'B' /x/
$in_a $$
A
$in_b
B

=== fires on 3: all that a known base defines is known
--- with base golang:1.23 linux/amd64 PATH GOPATH
FROM golang:1.23
ENV A=$GOPATH
ENV A=$GOROOT

=== fires on 3, 4: a name that is nearly right
FROM debian:12
ARG VERSION=1
LABEL version=$VERSOIN
LABEL version=\"${VERSOIN:-2}-$unlike\"
--- fixed
FROM debian:12
ARG VERSION=1
LABEL version=$VERSION
LABEL version=\"${VERSION:-2}-$unlike\"

=== clean: set, declared without a value, or perhaps from an unknown base
FROM golang:1.23
ARG empty
ENV A=1 PATH=$PATH:$GOROOT/bin
LABEL a=$A b=${empty} c='$not'
COPY --chown=$A $A /$empty
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for step in &document.scopes().steps {
        for undefined in &step.undefined {
            let message = format!("`${}` is not set here", undefined.name);
            let finding = findings.add_at(step.line, undefined.span, message);
            if let Some(near) = &undefined.near {
                finding.help(format!("did you mean `${near}`?"));
                // The name stands behind `$` or `${`.
                let written = document.text(undefined.span);
                let start = written
                    .find(undefined.name.as_str())
                    .filter(|start| *start <= 2 && written.starts_with('$'));
                if let Some(start) = start {
                    let start = undefined.span.start + start as u32;
                    let place = Span::new(start, start + undefined.name.len() as u32);
                    finding.fix(Fix::unsafe_(
                        format!("write `${near}`"),
                        vec![Edit::replace(place, near.as_str())],
                    ));
                }
            }
        }
    }
}
