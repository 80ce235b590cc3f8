//! A download that anybody on the way can change.

use super::common::copies;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV112",
    name: "plain-http",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "Something is fetched with `http://`, and no checksum is named.",
        why: "Nothing tells what the server sent from what somebody between put in its place.",
        example: "FROM debian:12\nADD http://example.org/tool /usr/bin/tool\n",
        instead: "FROM debian:12\nADD https://example.org/tool /usr/bin/tool\n",
        references: &["https://docs.docker.com/reference/dockerfile/#add---checksum"],
    },
    check,
    cases: "
=== fires at 2:5, 3:15, 4:17: ADD and commands
FROM debian:12
ADD http://example.org/a /a
RUN curl -fsS HTTP://example.org/b -o b
RUN cd /x; wget http://example.org/c

=== clean: encrypted, verified, or not over a network
FROM debian:12
ADD https://example.org/a /a
ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 http://example.org/a /a
RUN curl -f http://localhost:8080/ && wget http://127.0.0.1/ && curl http://example.org/x -o x && sha256sum -c x.sum
RUN curl -f http://$HOST/x
",
};

fn is_plain(text: &str) -> bool {
    let Some(rest) = text
        .get(..7)
        .filter(|scheme| scheme.eq_ignore_ascii_case("http://"))
        .map(|_| &text[7..])
    else {
        return false;
    };
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    !matches!(
        host,
        "" | "localhost" | "127.0.0.1" | "0.0.0.0" | "host.docker.internal"
    ) && !host.contains(['$', '['])
}

fn check(document: &Document<'_>, findings: &mut Findings) {
    const MESSAGE: &str = "this comes over a connection that anybody on the way can change";
    for (outer, copy) in copies(document) {
        let sources = words::copied(copy).map_or(&[][..], |(sources, _)| sources);
        let verified = words::flag(copy, "checksum").is_some();
        for source in sources
            .iter()
            .filter(|source| !verified && is_plain(words::unquoted(&source.text)))
        {
            findings.add(outer, source.span, MESSAGE);
        }
    }
    for run in document.runs() {
        let verified = run.commands().iter().any(|command| {
            let name = command.name.as_ref().map_or("", |name| name.text.as_str());
            name.ends_with("sum") || matches!(name, "gpg" | "gpgv" | "cosign" | "minisign")
        });
        for command in run
            .commands()
            .iter()
            .filter(|command| !verified && command.is_any(&["curl", "wget"]))
        {
            for word in command.words.iter().filter(|word| is_plain(&word.text)) {
                findings.add(run.instruction, word.span, MESSAGE);
            }
        }
    }
}
