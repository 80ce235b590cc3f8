//! The image is the one that the program was compiled in.

use super::common::{final_stage, kept_runs, lineage, verb};
use crate::dockerfile::Keyword;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV223",
    name: "compiled-in-final-stage",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "The stage that is built begins with the image of a compiler and compiles the program.",
        why: "The compiler, its libraries and the sources are shipped with the program, usually ten times its size. A second stage can take what was made and nothing else.",
        example: "FROM golang:1.25\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\nCMD [\"/app\"]\n",
        instead: "FROM golang:1.25 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\nFROM scratch\nCOPY --from=build /app /app\nCMD [\"/app\"]\n",
        references: &[
            "https://docs.docker.com/build/building/best-practices/#use-multi-stage-builds",
            "https://docs.docker.com/build/building/multi-stage/",
        ],
    },
    check,
    cases: "
=== fires at 3:5: Go
FROM golang:1.25-alpine
COPY . .
RUN go build -o /app . && go clean
CMD [\"/app\"]

=== fires at 3:14: Java, with the stage below
FROM docker.io/library/maven:3 AS base
FROM base
RUN cd /x && mvn -q package
ENTRYPOINT [\"java\", \"-jar\", \"x.jar\"]

=== clean: two stages, or nothing compiled
FROM rust:1.90 AS build
RUN cargo build --release
FROM debian:12
COPY --from=build /x /x
CMD [\"/x\"]

=== clean: an image for compiling, which starts nothing
FROM golang:1.25
RUN go build -o /usr/bin/tool example.org/tool

=== clean: not compiled
FROM golang:1.25
RUN go version
CMD [\"go\", \"test\", \"./...\"]
",
};

/// Images that are for compiling, by the last part of their names.
const COMPILERS: [&str; 9] = [
    "dart", "gcc", "golang", "gradle", "haskell", "maven", "rust", "sdk", "swift",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    let Some(stage) = final_stage(document) else { return };
    let root = lineage(document, stage).last().and_then(|stage| stage.image);
    let Some(root) = root else { return };
    let name = words::Image::read(&root.text).name;
    let starts = lineage(document, stage).any(|stage| {
        let mut instructions = document.instructions_of(stage).iter();
        instructions.any(|instruction| matches!(instruction.keyword, Some(Keyword::Cmd | Keyword::Entrypoint)))
    });
    if !starts || !COMPILERS.contains(&name.rsplit('/').next().unwrap_or_default()) {
        return;
    }
    let compiled = kept_runs(document).find_map(|run| Some((run, run.commands().iter().find(|it| compiles(it))?)));
    if let Some((run, command)) = compiled {
        findings
            .add(
                run.instruction,
                command.span,
                format!("the program is shipped in `{}`, with all that compiled it", root.text),
            )
            .help("begin a second stage below this, and copy the program with `COPY --from`");
    }
}

fn compiles(command: &Command) -> bool {
    let Some(name) = &command.name else { return false };
    match name.text.as_str() {
        "go" => matches!(verb(command), "build" | "install"),
        "cargo" => matches!(verb(command), "build" | "install"),
        "mvn" | "./mvnw" => command.has_any_word(&["package", "install", "verify"]),
        "gradle" | "./gradlew" => {
            command.has_any_word(&["build", "assemble", "bootJar", "jar", "shadowJar", "installDist"])
        }
        "dotnet" => matches!(verb(command), "build" | "publish"),
        "stack" | "cabal" | "swift" => verb(command) == "build",
        "dart" => verb(command) == "compile",
        "gcc" | "g++" | "cc" => command.has_flag(&["o"]),
        "make" => true,
        _ => false,
    }
}
