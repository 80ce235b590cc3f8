//! gem install without versions.

use super::support;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3028",
    name: "unpinned-gems",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A gem of `gem install` without a version.",
        why: "The step gives other software tomorrow than today.",
        example: "FROM ruby:3.3\nRUN gem install bundler\n",
        instead: "FROM ruby:3.3\nRUN gem install bundler:2.5.9\n",
        references: &["https://guides.rubygems.org/command-reference/#gem-install"],
    },
    check,
    cases: "
=== fires at 2:17, 3:23, 4:22, 5:28: the first gem without a version
FROM ruby:3.3
RUN gem install rake
ONBUILD RUN gem i a:1 b
RUN gem install -N a b -- --with-c
RUN gem install -N --quiet c

=== clean: versions, the words after flags, and what is for the extension
FROM ruby:3.3
RUN gem install a:1 && gem install a -v 1 && gem install --version '~> 1' a && gem install a:1 -- b
RUN gem update a; gem install --no-document a
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !command.is("gem") || !command.has_any_word(&["install", "i"]) || says_version(command) {
            continue;
        }
        let mut is_value = false;
        let packages: Vec<_> = command
            .words
            .iter()
            .take_while(|word| word.text != "--")
            .filter(|word| {
                let is_flag = !is_value && word.text.starts_with('-');
                let follows_flag = std::mem::replace(&mut is_value, is_flag);
                !is_flag && !follows_flag && !matches!(&*word.text, "install" | "i") && !word.text.contains(':')
            })
            .collect();
        support::unpinned(findings, run, &packages, "bundler:2.5.9");
    }
}

fn says_version(command: &Command) -> bool {
    let is_version = |word: &str| matches!(word, "-v" | "--version") || word.starts_with("--version=");
    command.words.iter().any(|word| is_version(&word.text))
}
