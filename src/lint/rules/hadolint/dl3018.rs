//! apk add without versions.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3018",
    name: "unpinned-apk-packages",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A package of `apk add` without a version.",
        why: "The step gives other software tomorrow than today, and a cached layer hides that it would.",
        example: "FROM alpine:3.20\nRUN apk add --no-cache curl\n",
        instead: "FROM alpine:3.20\nRUN apk add --no-cache curl=~8.9\n",
        references: &["https://wiki.alpinelinux.org/wiki/Alpine_Package_Keeper#Holding_a_specific_package_back"],
    },
    check,
    cases: "
=== fires at 2:24, 4:3, 5:35: the first package without a version
FROM alpine:3.20
RUN apk add --no-cache curl
RUN apk --no-cache add git=1 \\
  jq 'b>1'; ls
ONBUILD RUN if true; then apk add $list; fi

=== fires on 2: a package of another repository, a path, the value of a flag that is not known
FROM alpine:3.20
RUN apk add ./a; apk add a@edge; apk add -p root a=1

=== clean: versions, files and values
FROM alpine:3.20
RUN apk add -t .deps a=1 b~2 'c<3' d.apk --repository x -X y && apk add --virtual .z a=~1 && apk del a
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !command.is("apk") || !command.has_word("add") {
            continue;
        }
        let packages: Vec<_> = command
            .arguments_but_values(&["t", "virtual", "repository", "X"])
            .filter(|word| word.text != "add" && !is_pinned(&word.text))
            .collect();
        support::unpinned(findings, run, &packages, "curl=~8.9");
    }
}

fn is_pinned(package: &str) -> bool {
    package.contains(['=', '~', '>', '<']) || package.ends_with(".apk")
}
