//! Dependencies of development in the image.

use super::common::{kept_runs, kept_stages, project_install};
use crate::dockerfile::{Body, Keyword};
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, Run, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV219",
    name: "development-dependencies",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "An installation of a project's dependencies in the stage that is built, with those of development among them.",
        why: "Compilers, test runners and linters of the project are of no use to the program, often weigh more than all the rest, and are shipped with it.",
        example: "FROM node:22\nCOPY package*.json ./\nRUN npm ci\n",
        instead: "FROM node:22\nCOPY package*.json ./\nRUN npm ci --omit=dev\n",
        references: &[
            "https://docs.npmjs.com/cli/commands/npm-ci#omit",
            "https://docs.docker.com/build/building/best-practices/#dont-install-unnecessary-packages",
        ],
    },
    check,
    cases: "
=== fires at 3:5, 4:5, 5:5: of several languages
FROM node:22
COPY . .
RUN npm ci
RUN composer install --no-interaction
RUN pip install -r requirements-dev.txt

=== fires at 2:25: with a flag for something else
FROM python:3.13
RUN pip install uv   && uv sync --frozen

=== clean: without them
FROM node:22
RUN npm ci --omit=dev && npm install --production && yarn install --production=true && pnpm i --prod
RUN composer install --no-dev && poetry install --only main && uv sync --no-dev
RUN pip install -r requirements.txt

=== clean: a variable says so, or they are removed afterwards
FROM node:22
ENV NODE_ENV=production
RUN npm ci
FROM node:22 AS a
RUN npm ci && npm run build && npm prune --omit=dev

=== clean: another stage
FROM node:22 AS build
RUN npm ci
FROM node:22
COPY --from=build /app/dist /app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    if is_production(document) {
        return;
    }
    for run in kept_runs(document) {
        for command in run.commands() {
            let Some(shown) = project_install(command) else {
                continue;
            };
            let name = command.name.as_ref().map_or("", |name| name.text.as_str());
            if brings_development(name, command) && !is_undone(run, name) {
                findings.add(
                    run.instruction,
                    command.span,
                    format!("`{shown}` brings what only development needs"),
                );
            }
        }
    }
}

fn is_production(document: &Document<'_>) -> bool {
    kept_stages(document).into_iter().any(|stage| {
        document.instructions_of(stage).iter().any(|instruction| {
            let (Some(Keyword::Env), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body) else {
                return false;
            };
            pairs.iter().any(|pair| {
                let value = pair.value.as_ref().map_or("", |value| words::unquoted(&value.text));
                match pair.key.text.as_str() {
                    // Also for whoever sets it with an argument.
                    "NODE_ENV" => value == "production" || value.contains('$'),
                    "BUNDLE_WITHOUT" | "UV_NO_DEV" | "COMPOSER_NO_DEV" | "NPM_CONFIG_OMIT" => true,
                    _ => false,
                }
            })
        })
    })
}

fn brings_development(name: &str, command: &Command) -> bool {
    let sets = |variable: &str| {
        let set = command
            .assignments
            .iter()
            .find(|assignment| assignment.name == variable);
        set.and_then(|assignment| assignment.value.as_ref())
            .is_some_and(|value| value.text == "production")
    };
    match name {
        "npm" | "yarn" | "pnpm" | "bun" => {
            let omits = |flag: &str, value: &str| command.flags().any(|it| it.name == flag && it.value == Some(value));
            let spoken = command.has_flag(&["production", "prod", "P"])
                || omits("omit", "dev")
                || omits("only", "prod")
                || omits("only", "production")
                || command.has_any_word(&["dev", "prod"]);
            !spoken && !sets("NODE_ENV")
        }
        "composer" => !command.has_flag(&["no-dev"]),
        "poetry" => !command.has_flag(&["only", "without", "no-dev", "only-root"]),
        "uv" => command.has_word("sync") && !command.has_flag(&["no-dev", "no-default-groups", "only-group"]),
        "pipenv" => command.has_flag(&["d", "dev"]),
        _ if name.starts_with("pip") || name.starts_with("python") => command.arguments().any(|word| {
            let file = word.text.rsplit('/').next().unwrap_or_default();
            file.ends_with(".txt")
                && file
                    .split(['-', '_', '.'])
                    .any(|part| matches!(part, "dev" | "test" | "tests"))
        }),
        _ => false,
    }
}

/// Whether the step takes them away again.
fn is_undone(run: &Run<'_>, name: &str) -> bool {
    run.commands()
        .iter()
        .any(|other| other.is(name) && other.has_word("prune"))
        || run.commands().iter().any(|other| {
            other.is("rm")
                && other
                    .arguments()
                    .any(|word| word.text.trim_end_matches('/').ends_with("node_modules"))
        })
}
