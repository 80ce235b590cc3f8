//! Packages of apk removed one by one.

use super::common::{commands, installed, operands, package_name, verb};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV216",
    name: "unnamed-apk-group",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` that installs packages with `apk add` and removes the same ones with `apk del`, without `--virtual`.",
        why: "The two lists drift apart, and a package that was there before may be removed as well. A virtual package has one name for all of them.",
        example: "FROM alpine:3\nRUN apk add --no-cache gcc musl-dev && make && apk del gcc musl-dev\n",
        instead: "FROM alpine:3\nRUN apk add --no-cache --virtual .build gcc musl-dev && make && apk del .build\n",
        references: &["https://wiki.alpinelinux.org/wiki/Alpine_Package_Keeper"],
    },
    check,
    cases: "
=== fires at 2:63: the same packages
FROM alpine:3
RUN apk add --no-cache curl gcc=1 musl-dev && make && apk del gcc musl-dev

=== fires at 2:44: one of them
FROM alpine:3
RUN apk add a b && true && apk --purge del b; true

=== clean: a virtual package, or others' packages
FROM alpine:3
RUN apk add --no-cache --virtual .build gcc && make && apk del .build
RUN apk add --no-cache -t .b gcc && make && apk del --no-network .b
RUN apk add --no-cache curl && apk del wget
RUN apk del curl
RUN deps=gcc; apk add $deps && make && apk del $deps
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in commands(document) {
        if !command.is("apk") || verb(command) != "del" {
            continue;
        }
        let mut added: Vec<&str> = Vec::new();
        for other in run.commands().iter().filter(|other| other.is("apk")) {
            if !other.has_flag(&["virtual", "t"]) {
                let packages = installed(other).unwrap_or_default();
                added.extend(packages.iter().map(|package| package_name(&package.text)));
            }
        }
        if let Some(package) =
            operands(command).find(|package| package.literal && added.contains(&package.text.as_str()))
        {
            findings
                .add(
                    run.instruction,
                    package.span,
                    format!("`{}` is listed twice", package.text),
                )
                .help("give the packages one name with `apk add --virtual .build`, and remove that");
        }
    }
}
