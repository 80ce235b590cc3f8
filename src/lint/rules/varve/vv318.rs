//! Installation when the container starts.

use crate::dockerfile::{Body, Keyword, Word};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV318",
    name: "setup-at-start",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `CMD` or `ENTRYPOINT` that installs packages or dependencies, or downloads a program, before it starts one.",
        why: "A container should be thrown away and started again in a moment. This one needs the network, takes long, and runs something else each day.",
        example: "FROM node:22\nCOPY . .\nCMD npm install && node app.js\n",
        instead: "FROM node:22\nCOPY . .\nRUN npm ci\nCMD [\"node\", \"app.js\"]\n",
        references: &["https://docs.docker.com/build/building/best-practices/#create-ephemeral-containers"],
    },
    check,
    cases: "
=== fires at 2:5, 3:25: installations
FROM node:22
CMD npm install && npm start
ENTRYPOINT [\"sh\", \"-c\", \"apt-get update && apt-get install -y curl && exec x\"]

=== fires at 2:5: a program from the network
FROM debian:12
CMD cd /x; curl -fsSL https://example.org/x.sh | sh

=== clean: what the container is for
FROM node:22
CMD npm start
ENTRYPOINT [\"npm\", \"install\"]
ENTRYPOINT [\"pip\", \"install\", \"x\"]

=== clean: one installation alone, or words about it
FROM debian:12
CMD apt-get install x
CMD echo \"pip install x\" && true
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, instruction) in document.instructions_and_triggers() {
        if !matches!(instruction.keyword, Some(Keyword::Cmd | Keyword::Entrypoint)) {
            continue;
        }
        let script: Option<&Word> = match &instruction.body {
            Body::Shell(word) => Some(word),
            Body::Json(words) => match words.as_slice() {
                [shell, flag, script, ..] if is_shell(&shell.text) && flag.text.starts_with('-') => Some(script),
                _ => None,
            },
            _ => None,
        };
        let Some(script) = script else { continue };
        // One command alone is what the container is for.
        let commands: Vec<&str> = script.text.split(['&', ';', '|', '\n']).map(str::trim).collect();
        let several = commands.iter().filter(|command| !command.is_empty()).count() > 1;
        let installs = commands.iter().any(|command| is_installation(command));
        let fetches = commands.windows(2).any(|pair| {
            let first = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
            matches!(first(pair[0]).as_str(), "curl" | "wget") && is_shell(&first(pair[1]))
        });
        if several && (installs || fetches) {
            findings
                .add(outer, script.span, "this sets the container up each time it starts")
                .help("do it once, with `RUN`");
        }
    }
}

fn is_shell(program: &str) -> bool {
    matches!(program.rsplit('/').next(), Some("sh" | "bash" | "ash" | "dash" | "zsh"))
}

fn is_installation(command: &str) -> bool {
    let mut words = command.split_whitespace().filter(|word| !word.starts_with('-'));
    let program = words.find(|word| !matches!(*word, "exec" | "sudo") && !word.contains('='));
    let verb = words.next().unwrap_or_default();
    match program.unwrap_or_default() {
        "apt-get" | "apt" | "yum" | "dnf" | "microdnf" => verb == "install",
        "apk" => verb == "add",
        "npm" | "pnpm" | "bun" => matches!(verb, "install" | "ci" | "i"),
        "yarn" => verb == "install",
        "pip" | "pip3" | "bundle" | "composer" | "poetry" | "gem" => verb == "install",
        _ => false,
    }
}
