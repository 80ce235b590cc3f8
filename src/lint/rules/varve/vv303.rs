//! A heredoc that goes on after an error.

use crate::lint::shell::{Dialect, Form, Link};
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV303",
    name: "unchecked-heredoc",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `RUN` heredoc of several commands that neither sets `-e` nor joins them.",
        why: "Only the last command's exit code counts. A failure in the middle gives a broken image, and no error.",
        example: "FROM debian:12\nRUN <<EOF\nmake\nmake install\nEOF\n",
        instead: "FROM debian:12\nRUN <<EOF\nset -e\nmake\nmake install\nEOF\n",
        references: &["https://docs.docker.com/reference/dockerfile/#here-documents"],
    },
    check,
    cases: "
=== fires at 2:5: commands in lines
FROM debian:12
RUN <<EOF
apt-get update
apt-get install -y x=1
EOF
--- fixed
FROM debian:12
RUN <<EOF
set -e
apt-get update
apt-get install -y x=1
EOF

=== clean: one command, a set, a shell that does it, another language
FROM debian:12
RUN <<EOF
make install
EOF
RUN <<EOF
set -eux
make
make install
EOF
SHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]
RUN <<EOF
make
make install
EOF
RUN <<EOF
#!/usr/bin/env python3
print(1)
print(2)
EOF
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs() {
        let Some(heredoc) = run.run.heredocs.first().filter(|_| run.form == Form::Heredoc) else {
            continue;
        };
        let has_shebang = heredoc.body.starts_with("#!");
        let is_unix = !matches!(run.shell.dialect, Dialect::Foreign | Dialect::Zsh);
        let mut flags = run
            .shell
            .command
            .iter()
            .skip(1)
            .filter(|word| word.starts_with('-') && !word.starts_with("--"));
        let stops = flags.any(|word| word.contains('e'))
            || run
                .named("set")
                .any(|set| set.has_flag(&["e"]) || (set.has_flag(&["o"]) && set.has_word("errexit")));
        let goes_on = run
            .commands()
            .iter()
            .filter(|command| command.depth == 0 && command.after == Some(Link::Then))
            .count();
        if has_shebang || !is_unix || stops || goes_on == 0 {
            continue;
        }
        let finding = findings.add(
            run.instruction,
            heredoc.span,
            "an error in the middle of this heredoc goes unnoticed",
        );
        finding.fix(Fix::unsafe_(
            "stop at the first error",
            vec![Edit::insert(heredoc.body_span.start, "set -e\n")],
        ));
    }
}
