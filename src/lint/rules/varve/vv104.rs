//! Running what was just downloaded, unseen.

use super::common::file_name;
use crate::diagnostic::Span;
use crate::lint::shell::{Command, Run};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV104",
    name: "piped-installer",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A download that goes straight into a shell or another interpreter.",
        why: "Whoever controls the server, or the way to it, decides what the build does, and may decide otherwise tomorrow. A download that breaks off runs as far as it came.",
        example: "FROM debian:12\nRUN curl -fsSL https://example.org/install.sh | sh\n",
        instead: "FROM debian:12\nADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 https://example.org/install.sh /tmp/\nRUN sh /tmp/install.sh\n",
        references: &["https://docs.docker.com/reference/dockerfile/#add---checksum"],
    },
    check,
    cases: "
=== fires at 2:5: the usual way
FROM debian:12
RUN curl -fsSL https://example.org/install.sh | bash -s -- --yes

=== fires at 2:5, 3:5: with something between, and as root
FROM debian:12
RUN wget -qO- https://example.org/get.py | tee /log | python3 -
RUN curl https://example.org/x | sudo -E bash -

=== fires at 2:5, 3:7: as an argument
FROM debian:12
RUN sh -c \"$(curl -fsSL https://example.org/install.sh)\"
RUN [\"bash\", \"-c\", \"x $(wget -O- https://example.org/y)\"]

=== clean: other pipes
FROM debian:12
RUN curl -fsSL https://example.org/a.tar.gz | tar -xz
RUN echo true | sh
RUN curl -f https://example.org/list | bash process.sh
",
};

const INTERPRETERS: [&str; 13] = [
    "ash", "bash", "dash", "ksh", "node", "perl", "php", "python", "python2", "python3", "ruby", "sh", "zsh",
];

/// Whether the command reads its program from where the pipe ends.
fn reads_program(command: &Command) -> bool {
    let mut words = command.words.iter().map(|word| word.text.as_str());
    let mut name = command.name.as_ref().map_or("", |name| name.text.as_str());
    if matches!(name, "sudo" | "env" | "doas") {
        name = words
            .find(|word| !word.starts_with('-') && !word.contains('='))
            .unwrap_or_default();
    }
    let Some(program) = INTERPRETERS.iter().find(|program| **program == file_name(name)) else {
        return false;
    };
    let is_shell = program.ends_with("sh");
    // `-c` names another program, and so does a file; `-s` and what follows are arguments.
    let flag_of_program = if is_shell { 'c' } else { 'e' };
    for word in words {
        match word {
            "-" | "-s" | "--" | "/dev/stdin" => return true,
            _ if is_shell && word.starts_with("-s") => return true,
            _ if word.starts_with("--") => {}
            _ if word.starts_with('-') => {
                if word.contains(flag_of_program) || (!is_shell && word.contains(['c', 'm'])) {
                    return false;
                }
            }
            _ => return false,
        }
    }
    true
}

fn downloads(text: &str) -> bool {
    ["$(curl ", "$(wget ", "<(curl ", "<(wget ", "`curl ", "`wget "]
        .iter()
        .any(|start| text.contains(start))
}

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs() {
        let commands = run.commands();
        for (at, command) in commands.iter().enumerate() {
            let runs_argument = command.is_any(&INTERPRETERS) || command.is_any(&["eval", "source", "."]);
            if runs_argument && command.words.iter().any(|word| downloads(&word.text)) {
                report(run, command.span, findings);
            }
            let Some(pipe) = command.pipe.filter(|_| command.is_any(&["curl", "wget", "fetch"])) else {
                continue;
            };
            let is_after = |other: &&Command| other.pipe.is_some_and(|it| it.id == pipe.id && it.at > pipe.at);
            if commands[at..].iter().filter(is_after).any(reads_program) {
                report(run, command.span, findings);
            }
        }
    }
}

fn report(run: &Run<'_>, span: Span, findings: &mut Findings) {
    findings
        .add(run.instruction, span, "what this downloads is run without a look at it")
        .help("`ADD --checksum=…` it, or verify it with `sha256sum -c` before it is run");
}
