//! Verification of certificates switched off.

use super::common::commands;
use crate::diagnostic::Span;
use crate::dockerfile::{Body, Keyword};
use crate::lint::shell::Command;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV106",
    name: "disabled-tls-verification",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A flag or a variable that makes a program accept any certificate.",
        why: "Anybody between the build and the server can then put other files into the image.",
        example: "FROM debian:12\nRUN curl -k -fsSLO https://example.org/tool\n",
        instead: "FROM debian:12\nCOPY ca.crt /usr/local/share/ca-certificates/\nRUN update-ca-certificates && curl -fsSLO https://example.org/tool\n",
        references: &["https://curl.se/docs/sslcerts.html"],
    },
    check,
    cases: "
=== fires at 2:10, 3:10, 4:23: curl, wget, git
FROM debian:12
RUN curl -sSk https://example.org/
RUN wget --no-check-certificate https://example.org/
RUN apk add x; git -c http.sslVerify=false clone https://example.org/x.git

=== fires at 2:5, 3:5, 4:5: variables of programs
FROM node:22
ENV NODE_TLS_REJECT_UNAUTHORIZED=0
ENV GIT_SSL_NO_VERIFY=true
ARG PYTHONHTTPSVERIFY=0

=== fires at 2:17, 3:5, 4:17: package managers
FROM python:3
RUN pip install --trusted-host pypi.example.org x
RUN npm config set strict-ssl false
RUN yum install --setopt=sslverify=false -y x

=== fires at 2:5: for one command
FROM node:22
RUN NODE_TLS_REJECT_UNAUTHORIZED=0 npm ci

=== clean: the same switched on, and other programs' letters
FROM debian:12
ENV NODE_TLS_REJECT_UNAUTHORIZED=1
RUN tar -k -xf x && curl -fsSL https://example.org/ && npm config set strict-ssl true
",
};

/// Variables, and the values that switch verification off; empty: any value that is not off itself.
const VARIABLES: [(&str, &[&str]); 7] = [
    ("GIT_SSL_NO_VERIFY", &[]),
    ("NODE_TLS_REJECT_UNAUTHORIZED", &["0"]),
    ("PYTHONHTTPSVERIFY", &["0"]),
    ("PIP_TRUSTED_HOST", &[]),
    ("NPM_CONFIG_STRICT_SSL", &["false"]),
    ("npm_config_strict_ssl", &["false"]),
    ("CURL_INSECURE", &[]),
];

fn switches_off(name: &str, value: &str) -> bool {
    let value = words::unquoted(value).to_ascii_lowercase();
    let is_off = matches!(value.as_str(), "" | "0" | "false" | "no");
    VARIABLES.iter().any(|(known, values)| {
        *known == name
            && if values.is_empty() {
                !is_off
            } else {
                values.contains(&value.as_str())
            }
    })
}

/// The word that switches verification off.
fn culprit(command: &Command) -> Option<Span> {
    let name = command.name.as_ref()?.text.as_str();
    let long: &[&str] = match name {
        "curl" => &["insecure", "proxy-insecure", "doh-insecure"],
        "wget" => &["no-check-certificate"],
        "pip" | "pip2" | "pip3" => &["trusted-host"],
        "uv" => &["allow-insecure-host", "trusted-host"],
        "git" => &[],
        "yum" | "dnf" | "microdnf" => &["setopt"],
        "npm" | "yarn" | "pnpm" => &["strict-ssl"],
        "apt-get" | "apt" => &["o", "option"],
        _ => return None,
    };
    let word_of = |at: usize| command.words.get(at).map(|word| word.span);
    for flag in command.flags() {
        let says = |text: &str| {
            let written = command.words.get(flag.at).map_or("", |word| word.text.as_str());
            written.to_ascii_lowercase().contains(text)
        };
        match (name, flag.name) {
            ("curl", "k") => return word_of(flag.at),
            ("yum" | "dnf" | "microdnf", "setopt") if says("sslverify=false") || says("sslverify=0") => {
                return word_of(flag.at);
            }
            ("npm" | "yarn" | "pnpm", "strict-ssl") if flag.value == Some("false") => return word_of(flag.at),
            ("apt-get" | "apt", _) if says("verify-peer=false") || says("verify-host=false") => {
                return word_of(flag.at);
            }
            ("yum" | "dnf" | "microdnf" | "npm" | "yarn" | "pnpm" | "apt-get" | "apt", _) => {}
            (_, name) if long.contains(&name) => return word_of(flag.at),
            _ => {}
        }
    }
    let pair = |first: &str, second: &[&str]| {
        command
            .words
            .windows(2)
            .any(|pair| pair[0].text == first && second.contains(&pair[1].text.as_str()))
    };
    match name {
        "git" => {
            let off = command.words.iter().find(|word| {
                let text = word.text.to_ascii_lowercase();
                text == "http.sslverify=false" || text == "http.sslverify=0"
            });
            off.map(|word| word.span).or_else(|| {
                (pair("http.sslVerify", &["false", "0"]) || pair("http.sslverify", &["false", "0"]))
                    .then_some(command.span)
            })
        }
        "npm" | "yarn" | "pnpm" => pair("strict-ssl", &["false"]).then_some(command.span),
        _ => None,
    }
}

fn check(document: &Document<'_>, findings: &mut Findings) {
    const MESSAGE: &str = "this accepts any certificate";
    for (outer, instruction) in document.instructions_and_triggers() {
        let (Some(Keyword::Env | Keyword::Arg), Body::Pairs { pairs, .. }) = (instruction.keyword, &instruction.body)
        else {
            continue;
        };
        for pair in pairs {
            if let Some(value) = &pair.value
                && switches_off(&pair.key.text, &value.text)
            {
                findings.add(outer, pair.key.span, MESSAGE);
            }
        }
    }
    for (run, command) in commands(document) {
        for assignment in &command.assignments {
            if let Some(value) = &assignment.value
                && switches_off(&assignment.name, &value.text)
            {
                findings.add(run.instruction, assignment.span, MESSAGE);
            }
        }
        if let Some(span) = culprit(command) {
            findings.add(run.instruction, span, MESSAGE);
        }
    }
}
