//! pip install without versions.

use super::support;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3013",
    name: "unpinned-pip-packages",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A package of `pip install` without a version.",
        why: "The step gives other software tomorrow than today, and a new release of a dependency breaks a build \
              that nobody touched.",
        example: "FROM python:3.12\nRUN pip install --no-cache-dir flask\n",
        instead: "FROM python:3.12\nRUN pip install --no-cache-dir flask==3.0.3\n",
        references: &["https://pip.pypa.io/en/stable/reference/requirements-file-format/"],
    },
    check,
    cases: "
=== fires at 2:17, 3:36, 4:31, 5:18: the first package without a version
FROM python:3.12
RUN pip install flask
ONBUILD RUN pip3.12 install 'a==1' \"b[c]\"
RUN python3 -u -m pip install d --requirement=x e==1
RUN pipx install git+https://example.org/f

=== clean: versions, lists, files and values of flags
FROM python:3.12
RUN pip install a==1 'b>=2' c~=3 ./d e.whl f/g git+https://example.org/h@v1 i==$v
RUN pip install -r list.txt a && pip install -c list.txt a && pip install . a
RUN pip install -i x --target y -e z --trusted-host w a==1
RUN pip download a; pipenv install a; uv pip install a; python -m pip3 install a

=== fires at 2:21: what pip is told to do stands behind other words
FROM python:3.12
RUN pip install -qr list.txt
",
};

/// Flags whose value is a word of its own.
const TAKE_VALUES: &[&str] = &[
    "abi",
    "b",
    "build",
    "e",
    "editable",
    "extra-index-url",
    "f",
    "find-links",
    "i",
    "index-url",
    "implementation",
    "no-binary",
    "only-binary",
    "platform",
    "prefix",
    "progress-bar",
    "proxy",
    "python",
    "python-version",
    "root",
    "root-user-action",
    "src",
    "t",
    "target",
    "trusted-host",
    "upgrade-strategy",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !support::is_pip_install(command) || is_from_a_list(command) {
            continue;
        }
        let packages: Vec<_> = command
            .arguments_but_values(TAKE_VALUES)
            .skip_while(|word| word.text != "install")
            .filter(|word| word.text != "install" && !is_pinned(&word.text))
            .collect();
        support::unpinned(findings, run, &packages, "flask==3.0.3");
    }
}

/// Whether versions are said elsewhere: a file of requirements or constraints, or the project in this directory.
fn is_from_a_list(command: &Command) -> bool {
    let requirement = |word: &str| matches!(word, "." | "--requirement") || word == "-r";
    command.words.iter().any(|word| requirement(&word.text)) || command.has_flag(&["c", "constraint"])
}

fn is_pinned(package: &str) -> bool {
    let from_repository = ["git+", "hg+", "svn+", "bzr+"]
        .iter()
        .any(|scheme| package.starts_with(scheme));
    if from_repository {
        return package.contains('@');
    }
    ["==", ">", "<", "!=", "~=", "/"]
        .iter()
        .any(|mark| package.contains(mark))
        || [".whl", ".tar.gz"].iter().any(|suffix| package.ends_with(suffix))
}
