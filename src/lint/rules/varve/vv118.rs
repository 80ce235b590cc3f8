//! A password in an address.

use crate::diagnostic::Span;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use regex_automata::meta::Regex;
use std::sync::LazyLock;

pub(super) static RULE: Rule = Rule {
    code: "VV118",
    name: "password-in-address",
    family: Family::Varve,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An address with a user's name and password in it.",
        why: "It stays in the image's history, and programs such as git and pip write it into their configuration as well.",
        example: "FROM debian:12\nRUN git clone https://ada:s3cret@git.example.org/x.git\n",
        instead: "FROM debian:12\nRUN --mount=type=secret,id=GIT_AUTH_TOKEN git clone https://git.example.org/x.git\n",
        references: &["https://docs.docker.com/build/building/secrets/"],
    },
    check,
    cases: "
=== fires at 2:23: in a command
FROM debian:12
RUN git clone https://ada:s3cret@git.example.org/x.git

=== fires at 2:19: in a variable
FROM debian:12
ENV DB=postgres://app:hunter2@db:5432/app

=== clean: variables, places to fill in, and other colons
FROM debian:12
RUN git clone https://$USER:$TOKEN@git.example.org/x.git
RUN git clone https://user:${TOKEN}@git.example.org/x.git
RUN curl https://example.org:8080/a@b && git clone git@git.example.org:x/y.git
ENV DB=postgres://user:<password>@db/x
",
};

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"\b[a-z][a-z0-9+.-]{1,15}://([^\s/:@'"`$<>{}\\]+:[^\s/:@'"`$<>{}\\*]+)@[A-Za-z0-9\[]"#).ok()
});

fn check(document: &Document<'_>, findings: &mut Findings) {
    let Some(address) = &*ADDRESS else {
        return;
    };
    for instruction in document.instructions() {
        let text = document.text(instruction.span);
        let mut groups = address.create_captures();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            address.captures(rest, &mut groups);
            let (Some(all), Some(pair)) = (groups.get_group(0), groups.get_group(1)) else {
                break;
            };
            let start = instruction.span.start + at as u32;
            let span = Span::new(start + pair.start as u32, start + pair.end as u32);
            findings
                .add(instruction, span, "a password is written in this address")
                .help("take it back where it was issued, and hand it to the step with `--mount=type=secret`");
            at += all.end;
        }
    }
}
