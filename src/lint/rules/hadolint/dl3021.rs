//! COPY of several files to what is no directory.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3021",
    name: "copy-to-file",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "A `COPY` of two or more sources whose destination does not end in a slash.",
        why: "Several files only fit into a directory, and the build fails when the destination is not written as one.",
        example: "FROM debian:12\nCOPY a b /app\n",
        instead: "FROM debian:12\nCOPY a b /app/\n",
        references: &["https://docs.docker.com/reference/dockerfile/#copy"],
    },
    check,
    cases: r#"
=== fires at 2:10: no slash
FROM debian:12
COPY a b /app
--- fixed
FROM debian:12
COPY a b /app/

=== fires on 2, 3, 4: in quotes, as JSON, and the working directory
FROM debian:12
COPY a b "/app"
COPY ["a", "b", "/my app"]
COPY a b .
--- fixed
FROM debian:12
COPY a b "/app"
COPY ["a", "b", "/my app/"]
COPY a b ./

=== clean: a slash at the end, or one source
FROM debian:12
COPY a b /app/
COPY a b "/app/"
COPY a /app
ADD a.tar b.tar /app
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        if instruction.keyword != Some(Keyword::Copy) || !instruction.heredocs.is_empty() {
            continue;
        }
        let Some((sources, target)) = words::copied(instruction) else {
            continue;
        };
        let path = words::unquoted(&target.text);
        if sources.len() < 2 || path.ends_with('/') {
            continue;
        }
        let message = format!("several files are copied to `{path}`, which is not written as a directory");
        let finding = findings.add(instruction, target.span, message);
        let written = document.text(target.span);
        let end = match &instruction.body {
            Body::Json(_) => Some(target.span.end - 1),
            _ if written == target.text && !written.ends_with(['"', '\'', '\\', '`']) => Some(target.span.end),
            _ => None,
        };
        if let Some(end) = end.filter(|_| !path.is_empty()) {
            finding.fix(Fix::safe("add the slash", vec![Edit::insert(end, "/")]));
        }
    }
}
