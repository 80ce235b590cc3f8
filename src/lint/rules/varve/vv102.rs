//! A token or private key in the text.

use crate::diagnostic::Span;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use regex_automata::meta::Regex;
use std::sync::LazyLock;

pub(super) static RULE: Rule = Rule {
    code: "VV102",
    name: "secret-value",
    family: Family::Varve,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "Text that has the form of a well-known token, or of a private key, anywhere in an instruction.",
        why: "Everything in a Dockerfile ends up in the image's history, in the cache and in the repository, where it can't be taken back.",
        example: "FROM debian:12\nRUN curl -fH 'PRIVATE-TOKEN: glpat-0a1b2c3d4e5f6g7h8i9j' https://git.example.org/api\n",
        instead: "FROM debian:12\nRUN --mount=type=secret,id=token curl -fH \"PRIVATE-TOKEN: $(cat /run/secrets/token)\" https://git.example.org/api\n",
        references: &["https://docs.docker.com/build/building/secrets/"],
    },
    check,
    cases: "
=== fires at 2:18: in a variable
FROM debian:12
ENV GITHUB_TOKEN=ghp_0123456789abcdefghijABCDEFGHIJ012345

=== fires at 3:1: in a heredoc
FROM debian:12
COPY <<EOF /root/.ssh/id_rsa
-----BEGIN RSA PRIVATE KEY-----
MIIB
EOF

=== fires at 2:5, 3:27: twice, in other instructions
FROM debian:12
ARG AKIAABCDEFGHIJKLMNOP=x
RUN aws configure set key ASIAABCDEFGHIJKLMNOP

=== clean: a placeholder, a comment, a variable
FROM debian:12
# ghp_0123456789abcdefghijABCDEFGHIJ012345 is how they look
ENV GITHUB_TOKEN=ghp_xxxx AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
RUN echo \"$GITHUB_TOKEN\"
",
};

/// What tokens look like to those who hand them out.
const FORMS: [(&str, &str); 16] = [
    ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36}"),
    ("a GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{50}"),
    ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20}"),
    ("a Slack token", r"\bxox[abeprs]-[A-Za-z0-9-]{10}"),
    (
        "a Slack webhook",
        r"hooks\.slack\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]{20}",
    ),
    ("a private key", r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY"),
    (
        "a JSON web token",
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10}",
    ),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}"),
    ("a Stripe key", r"\b[rs]k_live_[A-Za-z0-9]{20}"),
    ("a Google key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50}"),
    ("a Docker token", r"\bdckr_pat_[A-Za-z0-9_-]{20}"),
    ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{34}"),
    ("a DigitalOcean token", r"\bdo[op]_v1_[a-f0-9]{64}"),
    ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
];

static TOKENS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new_many(&FORMS.map(|(_, form)| form)).ok());

fn check(document: &Document<'_>, findings: &mut Findings) {
    let Some(tokens) = &*TOKENS else {
        return;
    };
    for instruction in document.instructions() {
        for found in tokens.find_iter(document.text(instruction.span)) {
            let start = instruction.span.start + found.start() as u32;
            let span = Span::new(start, instruction.span.start + found.end() as u32);
            if document.text(span).contains("EXAMPLE") {
                continue;
            }
            let (what, _) = FORMS[found.pattern().as_usize()];
            findings
                .add(instruction, span, format!("this looks like {what}"))
                .help("take it back where it was issued, and hand it to the step with `--mount=type=secret`");
        }
    }
}
