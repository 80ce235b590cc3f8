//! apt-get install without versions.

use super::support;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3008",
    name: "unpinned-apt-packages",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A package of `apt-get install` without a version.",
        why: "The step gives other software tomorrow than today, and a cached layer hides that it would.",
        example: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl\n",
        instead: "FROM debian:12\nRUN apt-get install -y --no-install-recommends curl=7.88.1-10\n",
        references: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
    },
    check,
    cases: "
=== fires at 2:24, 4:3: the first package without a version
FROM debian:12
RUN apt-get install -y curl
RUN apt-get -y install git=1 \\
  $extra \"wget\"

=== fires on 2: after a value that could be one
FROM debian:12
ONBUILD RUN apt-get install -o Foo bar=1

=== clean: versions, releases, files, and the value of -t
FROM debian:12
RUN apt-get install -y -t stable curl=1 git/stable ./x.deb y.deb foo=$v >/dev/null
RUN apt-get update && apt-get remove curl

=== clean: unlike hadolint, which reads no heredoc's shebang, no target of a heredoc, and no braces
FROM debian:12
RUN <<EOF cat > script
apt-get install curl
EOF
RUN <<EOF
#!/usr/bin/env python3
apt-get install curl
EOF
RUN apt-get install {a=1,b=2}

=== fires on 2: unlike hadolint, which forgets what stands behind a heredoc
FROM debian:12
RUN cat <<EOF && apt-get install curl
apt-get install git
EOF
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in support::commands(document) {
        if !command.is("apt-get") || !command.has_word("install") {
            continue;
        }
        let packages: Vec<_> = command
            .arguments_but_values(&["t", "target-release"])
            .filter(|word| word.text != "install" && !is_pinned(&word.text))
            .collect();
        support::unpinned(findings, run, &packages, "curl=7.88.1-10");
    }
}

/// `name=version`, `name/release`, or a file.
fn is_pinned(package: &str) -> bool {
    package.contains(['=', '/']) || package.ends_with(".deb")
}
