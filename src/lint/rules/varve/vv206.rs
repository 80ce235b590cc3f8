//! A download that a cache mount would keep.

use super::common::{last_of, project_install, verb};
use crate::dockerfile::Keyword;
use crate::lint::{Command, Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, Run, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV206",
    name: "missing-cache-mount",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `RUN` that downloads a language's packages without a cache mount for them.",
        why: "When the step runs again it downloads everything again. With a cache mount it takes from there what has not changed, and none of it is in the image.",
        example: "FROM node:22\nCOPY package.json package-lock.json ./\nRUN npm ci\n",
        instead: "FROM node:22\nCOPY package.json package-lock.json ./\nRUN --mount=type=cache,target=/root/.npm npm ci\n",
        references: &[
            "https://docs.docker.com/build/cache/optimize/#use-cache-mounts",
            "https://docs.docker.com/reference/dockerfile/#run---mounttypecache",
        ],
    },
    check,
    cases: "
=== fires at 3:5: a known place
FROM node:22
COPY . .
RUN npm ci
--- fixed
FROM node:22
COPY . .
RUN --mount=type=cache,target=/root/.npm npm ci

=== fires at 2:24, 3:5: beside another mount, and two places
FROM golang:1.25
RUN --mount=type=ssh   go mod download
RUN go build ./...
--- fixed
FROM golang:1.25
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=ssh   go mod download
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build go build ./...

=== fires at 3:5: another user's home is not known
FROM python:3.13
USER app
RUN pip install -r requirements.txt
--- fixed
FROM python:3.13
USER app
RUN pip install -r requirements.txt

=== clean: a cache mount, no cache wanted, no dependencies
FROM python:3.13
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
RUN pip install --no-cache-dir -r requirements.txt
RUN go version && npm run build && cargo --version && pip list

=== clean: a variable says so
FROM python:3.13
ENV PIP_NO_CACHE_DIR=1
RUN pip install -r requirements.txt
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs() {
        if run.onbuild || run.has_mount(&["cache", "tmpfs"], |_| true) {
            continue;
        }
        let found = run
            .commands()
            .iter()
            .find_map(|command| Some((command, folders(document, run, command)?)));
        let Some((command, folders)) = found else { continue };
        let name = command.name.as_ref().map_or("", |name| name.text.as_str());
        let finding = findings.add(
            run.instruction,
            command.span,
            format!("what `{name}` downloads here is downloaded again each time"),
        );
        finding.help("keep it with `--mount=type=cache`");
        let user = run
            .stage
            .and_then(|stage| last_of(document, &document.stages()[stage], Keyword::User));
        let root = user.is_none_or(|user| matches!(words::list(user), [name] if matches!(&*name.text, "root" | "0")));
        if root {
            let mounts: String = folders
                .iter()
                .map(|folder| format!(" --mount=type=cache,target={folder}"))
                .collect();
            let edits = vec![Edit::insert(run.run.name.span.end, mounts)];
            finding.fix(Fix::unsafe_("keep it in a cache mount", edits));
        }
    }
}

/// Where root's programs keep what they download.
fn folders(document: &Document<'_>, run: &Run<'_>, command: &Command) -> Option<&'static [&'static str]> {
    let name = command.name.as_ref()?.text.as_str();
    let installs = project_install(command).is_some();
    Some(match (name, verb(command)) {
        ("npm", _) if installs => &["/root/.npm"],
        ("yarn", _) if installs => &["/usr/local/share/.cache/yarn"],
        ("pnpm", _) if installs => &["/root/.local/share/pnpm/store"],
        ("bun", _) if installs => &["/root/.bun/install/cache"],
        ("uv", _) if installs && !command.has_flag(&["no-cache"]) => &["/root/.cache/uv"],
        ("poetry", _) if installs => &["/root/.cache/pypoetry"],
        ("composer", _) if installs => &["/root/.composer/cache"],
        ("dotnet", _) if installs => &["/root/.nuget/packages"],
        ("go", "mod") if installs => &["/go/pkg/mod"],
        ("go", "build" | "install" | "test") => &["/go/pkg/mod", "/root/.cache/go-build"],
        ("cargo", "build" | "install" | "test" | "fetch") => &["/usr/local/cargo/registry"],
        ("mvn" | "./mvnw", _) if !command.has_flag(&["v", "version"]) => &["/root/.m2"],
        ("gradle" | "./gradlew", verb) if !verb.is_empty() => &["/root/.gradle"],
        _ if installs && (name.starts_with("pip") || name.starts_with("python")) => {
            let sets_none = |text: &str| text.contains("PIP_NO_CACHE_DIR");
            let set = document
                .instructions()
                .iter()
                .any(|other| other.keyword == Some(Keyword::Env) && sets_none(&other.rest));
            if set || name == "pipenv" || command.has_flag(&["no-cache-dir"]) || sets_none(&run.run.rest) {
                return None;
            }
            &["/root/.cache/pip"]
        }
        _ => return None,
    })
}
