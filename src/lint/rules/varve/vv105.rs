//! A download that nothing verifies.

use super::common::is_url;
use crate::lint::shell::Command;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV105",
    name: "unverified-download",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::Preview,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` that downloads a file and verifies neither checksum nor signature.",
        why: "The image then holds whatever the server had on that day.",
        example: "FROM debian:12\nRUN curl -fsSLo /usr/bin/tool https://example.org/tool\n",
        instead: "FROM debian:12\nRUN curl -fsSLo /usr/bin/tool https://example.org/tool && echo '00  /usr/bin/tool' | sha256sum -c\n",
        references: &["https://docs.docker.com/reference/dockerfile/#add---checksum"],
    },
    check,
    cases: "
=== fires at 2:5, 3:5: into a file, by name or by redirection
FROM debian:12
RUN wget https://example.org/tool.tar.gz && tar -xzf tool.tar.gz
RUN curl -fsSL https://example.org/tool > /usr/bin/tool

=== clean: verified in the same step
FROM debian:12
RUN curl -fsSLO https://example.org/a https://example.org/a.asc && gpg --verify a.asc a
RUN wget https://example.org/b && sha512sum -c b.sha512

=== clean: nothing is kept
FROM debian:12
RUN curl -f https://example.org/health
RUN wget --spider https://example.org/
",
};

const VERIFIERS: [&str; 12] = [
    "b2sum",
    "cosign",
    "gpg",
    "gpgv",
    "md5sum",
    "minisign",
    "openssl",
    "sha1sum",
    "sha224sum",
    "sha256sum",
    "sha384sum",
    "sha512sum",
];

fn keeps_a_file(command: &Command) -> bool {
    if !command.words.iter().any(|word| is_url(&word.text)) {
        return false;
    }
    if command.is("wget") {
        let to_output = command
            .words
            .iter()
            .any(|word| matches!(word.text.as_str(), "-O-" | "-qO-" | "--output-document=-"))
            || command
                .words
                .windows(2)
                .any(|pair| pair[0].text.ends_with('O') && pair[1].text == "-");
        return !to_output && !command.has_flag(&["spider"]);
    }
    let to_file = command
        .redirects
        .iter()
        .any(|redirect| redirect.operator.starts_with('>') && redirect.target.text != "/dev/null");
    command.is("curl") && (to_file || command.has_flag(&["o", "O", "output", "remote-name", "remote-name-all"]))
}

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs() {
        let verified = run
            .commands()
            .iter()
            .any(|command| command.is_any(&VERIFIERS) || (command.is("shasum") && command.has_flag(&["c", "check"])));
        for command in run
            .commands()
            .iter()
            .filter(|command| !verified && keeps_a_file(command))
        {
            findings.add(run.instruction, command.span, "nothing verifies what this downloads");
        }
    }
}
