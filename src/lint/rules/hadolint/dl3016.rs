//! npm install without versions.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3016",
    name: "unpinned-npm-packages",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A package of `npm install` without a version.",
        why: "The step gives other software tomorrow than today.",
        example: "FROM node:22\nRUN npm install -g yarn\n",
        instead: "FROM node:22\nRUN npm install -g yarn@1.22.22\n",
        references: &["https://docs.npmjs.com/cli/commands/npm-install"],
    },
    check,
    cases: "
=== fires at 2:17, 3:45, 4:17: the first package without a version
FROM node:22
RUN npm install yarn
ONBUILD RUN npm -g --registry x install a@1 @b/c
RUN npm install github:a/b#v1 git://example.org/c#v1

=== fires on 2: the value of a flag that is not known
FROM node:22
RUN npm install --prefix x yarn@1

=== clean: versions, tags, files; and other ways to install
FROM node:22
RUN npm install && npm install a@1 @b/c@latest ./d e.tgz git+https://example.org/f#v1 ssh://git@example.org/g
RUN npm i a; npm add a; npm ci; npm run install a; npm --prefix x install a

=== clean: unlike hadolint, which takes the dashes for a package
FROM node:22
RUN npm install -- a@1

=== fires at 2:25: unlike hadolint, which looks at the word behind `command`
FROM node:22
RUN command npm install a
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document).filter(|(_, command)| command.is("npm")) {
        let mut arguments = command.arguments_but_values(&["loglevel", "registry"]);
        if arguments.next().is_none_or(|first| first.text != "install") {
            continue;
        }
        let packages: Vec<_> = arguments
            .filter(|word| word.text != "install" && !is_pinned(&word.text))
            .collect();
        support::unpinned(findings, run, &packages, "yarn@1.22.22");
    }
}

fn is_pinned(package: &str) -> bool {
    let starts = |beginnings: &[&str]| beginnings.iter().any(|it| package.starts_with(it));
    if starts(&["git://", "git+ssh://", "git+http://", "git+https://"]) {
        return package.contains('#');
    }
    let is_archive = [".tar", ".tar.gz", ".tgz"]
        .iter()
        .any(|suffix| package.ends_with(suffix));
    let unscoped = package.strip_prefix('@').unwrap_or(package);
    is_archive || starts(&["/", "./", "../", "~/"]) || unscoped.contains('@')
}
