//! Dependencies installed past the lock file.

use super::common::{is_whole_context, project_install, runs_of, verb};
use crate::dockerfile::Keyword;
use crate::lint::{Command, Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV213",
    name: "unlocked-install",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "`npm install`, or `yarn install` without `--frozen-lockfile` or `--immutable`, where the lock file is at hand.",
        why: "They may change the lock file, and then install other versions than those that were tested. `npm ci` installs what the lock file says or fails.",
        example: "FROM node:22\nCOPY package.json package-lock.json ./\nRUN npm install\n",
        instead: "FROM node:22\nCOPY package.json package-lock.json ./\nRUN npm ci\n",
        references: &[
            "https://docs.npmjs.com/cli/commands/npm-ci",
            "https://classic.yarnpkg.com/lang/en/docs/cli/install/",
        ],
    },
    check,
    cases: "
=== fires at 3:5, 4:5: npm
FROM node:22
COPY package*.json ./
RUN npm install --omit=dev
RUN npm i
--- fixed
FROM node:22
COPY package*.json ./
RUN npm ci --omit=dev
RUN npm ci

=== fires at 3:14, 4:5: yarn
FROM node:22
COPY package.json yarn.lock /app/
RUN cd /app; yarn install --production
RUN yarn
--- fixed
FROM node:22
COPY package.json yarn.lock /app/
RUN cd /app; yarn install --frozen-lockfile --production
RUN yarn install --frozen-lockfile

=== clean: as it should be
FROM node:22
COPY . .
RUN npm ci
RUN yarn install --frozen-lockfile && yarn --immutable && yarn build

=== clean: no lock file, packages that are named, or global ones
FROM node:22
COPY package.json ./
RUN npm install
FROM node:22
COPY . .
RUN npm install express@4 && npm install -g && npm install --no-package-lock
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let mut npm = false;
        let mut yarn = false;
        let mut runs = runs_of(document, stage).peekable();
        for (index, instruction) in stage.range.clone().zip(document.instructions_of(stage)) {
            if instruction.keyword == Some(Keyword::Copy) {
                for source in words::copied(instruction).map_or(&[][..], |(sources, _)| sources) {
                    let whole = is_whole_context(&source.text);
                    let has = |names: &[&str]| names.iter().any(|name| source.text.contains(name));
                    npm |= whole || has(&["package-lock", "package*", "npm-shrinkwrap"]);
                    yarn |= whole || has(&["yarn.lock", "yarn.*", "*.lock"]);
                }
            }
            let Some(run) = runs.next_if(|run| run.index == index) else {
                continue;
            };
            for command in run.commands() {
                if project_install(command).is_none() {
                    continue;
                }
                if npm && command.is("npm") && !matches!(verb(command), "ci" | "clean-install") {
                    if command.has_flag(&["no-package-lock", "package-lock-only"]) {
                        continue;
                    }
                    let finding = findings.add(
                        run.instruction,
                        command.span,
                        format!(
                            "`npm {}` may install other versions than the lock file names",
                            verb(command)
                        ),
                    );
                    finding.help("install with `npm ci`");
                    if let Some(word) = command.arguments().next() {
                        let edits = vec![Edit::replace(word.span, "ci")];
                        finding.fix(Fix::unsafe_("install with `npm ci`", edits));
                    }
                } else if yarn && command.is("yarn") && !is_frozen(command) {
                    let finding = findings.add(
                        run.instruction,
                        command.span,
                        "`yarn install` may install other versions than the lock file names",
                    );
                    finding.help("add `--frozen-lockfile`, or `--immutable` since Yarn 2");
                    let install = command
                        .word("install")
                        .map(|word| (word.span.end, " --frozen-lockfile"));
                    let name = command.name.as_ref();
                    let bare = name.map(|name| (name.span.end, " install --frozen-lockfile"));
                    if let Some((at, text)) = install.or(bare) {
                        finding.fix(Fix::unsafe_("add `--frozen-lockfile`", vec![Edit::insert(at, text)]));
                    }
                }
            }
        }
    }
}

fn is_frozen(command: &Command) -> bool {
    command.has_flag(&[
        "frozen-lockfile",
        "pure-lockfile",
        "immutable",
        "immutable-cache",
        "no-lockfile",
    ])
}
