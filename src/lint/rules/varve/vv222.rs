//! A download cache left in the image.

use super::common::{kept_runs, operands, project_install, verb};
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, Run, State};

pub(super) static RULE: Rule = Rule {
    code: "VV222",
    name: "leftover-cache",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` of the image that fills the cache of conda, npm, gem, Go, Cargo or Composer and does not empty it.",
        why: "What the program needs is installed already. The cache beside it is as large again.",
        example: "FROM continuumio/miniconda3:25.1\nRUN conda install -y numpy\n",
        instead: "FROM continuumio/miniconda3:25.1\nRUN conda install -y numpy && conda clean -afy\n",
        references: &[
            "https://docs.docker.com/build/cache/optimize/#use-cache-mounts",
            "https://docs.docker.com/build/building/best-practices/",
        ],
    },
    check,
    cases: "
=== fires at 2:5, 3:5, 4:5: of each
FROM debian:12
RUN conda install -y numpy
RUN npm install -g typescript@5
RUN gem install bundler -v 2

=== fires at 2:5, 3:5: of languages that are compiled
FROM debian:12
RUN X=1 cargo install just
RUN go install example.org/x@v1

=== clean: emptied, or kept outside
FROM debian:12
RUN conda install -y numpy && conda clean --all --yes
RUN npm ci && npm cache clean --force
RUN --mount=type=cache,target=/root/.npm npm ci
RUN gem install bundler --no-document && rm -rf /usr/local/bundle/cache
RUN cargo install just && rm -rf \"$CARGO_HOME/registry\"

=== clean: another stage
FROM golang:1.25 AS build
RUN go install example.org/x@v1
FROM debian:12
COPY --from=build /go/bin/x /x
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in kept_runs(document) {
        if run.has_mount(&["cache", "tmpfs"], |_| true) {
            continue;
        }
        let found = run
            .commands()
            .iter()
            .find_map(|command| Some((command, remedy(command)?)))
            .filter(|(command, _)| !is_emptied(run, command));
        if let Some((command, remedy)) = found {
            let name = command.name.as_ref().map_or("", |name| name.text.as_str());
            findings
                .add(
                    run.instruction,
                    command.span,
                    format!("the cache of `{name}` stays in the image"),
                )
                .help(remedy);
        }
    }
}

/// What empties the cache that a command fills.
fn remedy(command: &Command) -> Option<&'static str> {
    let some = || operands(command).next().is_some();
    Some(match (command.name.as_ref()?.text.as_str(), verb(command)) {
        ("conda" | "mamba" | "micromamba", "install" | "create" | "update") => "end the step with `conda clean -afy`",
        ("npm", "install" | "i" | "ci" | "add") => "end the step with `npm cache clean --force`, or mount a cache",
        ("gem", "install" | "i") => "install with `--no-document`, and remove the folder `cache` of the gems",
        ("go", "install") if some() => "compile in a stage of its own",
        ("cargo", "install") if some() => "compile in a stage of its own",
        ("composer", _) if project_install(command).is_some() => "end the step with `composer clear-cache`",
        _ => return None,
    })
}

fn is_emptied(run: &Run<'_>, filler: &Command) -> bool {
    let same = |other: &Command| other.name.as_ref().map(|it| &it.text) == filler.name.as_ref().map(|it| &it.text);
    run.commands().iter().any(|other| {
        let clears = other.has_any_word(&["clean", "clear-cache", "clearcache", "cache"])
            && other.has_any_word(&["clean", "clear-cache", "clearcache"]);
        let conda = |command: &Command| command.is_any(&["conda", "mamba", "micromamba"]);
        let removes = other.is("rm")
            && other.words.iter().any(|word| {
                ["cache", "registry", ".npm", "pkgs", "/go"]
                    .iter()
                    .any(|it| word.text.contains(it))
            });
        clears && (same(other) || conda(other) && conda(filler)) || removes
    })
}
