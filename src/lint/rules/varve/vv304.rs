//! Brackets that are not JSON.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV304",
    name: "nearly-json-command",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A command in brackets that is no JSON array, usually because of single quotes.",
        why: "It is taken for the shell form, and the shell looks for a program called `[`, or one with a comma in its name.",
        example: "FROM debian:12\nCMD ['server', '--port', '80']\n",
        instead: "FROM debian:12\nCMD [\"server\", \"--port\", \"80\"]\n",
        references: &["https://docs.docker.com/reference/dockerfile/#shell-and-exec-form"],
    },
    check,
    cases: "
=== fires at 2:5: single quotes
FROM debian:12
CMD ['server', '--port']
--- fixed
FROM debian:12
CMD [\"server\", \"--port\"]

=== fires at 2:12: a comma too many
FROM debian:12
ENTRYPOINT [\"server\", ]

=== fires at 2:5: no quotes
FROM debian:12
RUN [make, install]

=== clean: JSON, and the command that is called so
FROM debian:12
CMD [\"server\"]
RUN [ -f /x ] && true
RUN [[ -f /x ]]
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, instruction) in document.instructions_and_triggers() {
        let is_command = matches!(
            instruction.keyword,
            Some(Keyword::Run | Keyword::Cmd | Keyword::Entrypoint)
        );
        let (true, Body::Shell(word)) = (is_command, &instruction.body) else {
            continue;
        };
        let text = word.text.trim();
        let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
            continue;
        };
        // A test has a blank behind its bracket, a list has commas.
        if inner.starts_with([' ', '[']) && !inner.contains(',') || inner.ends_with(']') {
            continue;
        }
        let finding = findings.add(
            outer,
            word.span,
            "this is no JSON array, so a shell gets it with its brackets",
        );
        let members: Vec<&str> = inner.split(',').map(str::trim).collect();
        let quoted: Option<Vec<String>> = members
            .iter()
            .map(|member| {
                let member = member.strip_prefix('\'')?.strip_suffix('\'')?;
                (!member.contains(['\'', '"', '\\', '$'])).then(|| format!("\"{member}\""))
            })
            .collect();
        if let Some(quoted) = quoted.filter(|_| document.text(word.span) == word.text) {
            finding.fix(Fix::unsafe_(
                "write it as JSON",
                vec![Edit::replace(word.span, format!("[{}]", quoted.join(", ")))],
            ));
        }
    }
}
