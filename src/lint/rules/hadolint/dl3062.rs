//! go install without versions.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3062",
    name: "unpinned-go-packages",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A package of `go install`, `go get` or `go run` without a version.",
        why: "The step gives other software tomorrow than today.",
        example: "FROM golang:1.23\nRUN go install example.org/tool\n",
        instead: "FROM golang:1.23\nRUN go install example.org/tool@v1.2.3\n",
        references: &["https://go.dev/ref/mod#go-install"],
    },
    check,
    cases: "
=== fires at 2:16, 3:28, 4:12: the first package without a version
FROM golang:1.23
RUN go install example.org/a
ONBUILD RUN go get -u a@v1 b@latest
RUN go run main.go

=== clean: versions, directories, arguments
FROM golang:1.23
RUN go install a@v1 ./... /b && go get && go run a@v1 b && go build c
",
};

const COMMANDS: &[&str] = &["install", "get", "run"];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !command.is("go") || !command.has_any_word(COMMANDS) {
            continue;
        }
        // What follows the package of `go run` are arguments for it.
        let count = match command.has_word("run") {
            true => 2,
            false => usize::MAX,
        };
        let packages: Vec<_> = command
            .arguments()
            .take(count)
            .filter(|word| !COMMANDS.contains(&&*word.text) && !is_pinned(&word.text))
            .collect();
        support::unpinned(findings, run, &packages, "example.org/tool@v1.2.3");
    }
}

fn is_pinned(package: &str) -> bool {
    let is_local = package.starts_with(['.', '/']);
    let moves = package.ends_with("@latest") || package.ends_with("@none");
    is_local || (package.contains('@') && !moves)
}
