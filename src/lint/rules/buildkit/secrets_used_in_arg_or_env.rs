//! Variables that look like secrets.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "SecretsUsedInArgOrEnv",
    name: "secrets-used-in-arg-or-env",
    family: Family::BuildKit,
    twin: Some("DL3064"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `ARG` or `ENV` whose name has a word such as `password`, `token` or `key` in it.",
        why: "Values of both can be read from the image by everybody who has it. `RUN --mount=type=secret` leaves no \
              trace.",
        example: "FROM debian:12\nARG NPM_TOKEN\nRUN npm ci\n",
        instead: "FROM debian:12\nRUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN npm ci\n",
        references: &["https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/"],
    },
    check,
    cases: "
=== fires at 2:5, 2:15, 3:5, 4:5: every name, in any case
FROM debian:12
ARG NPM_TOKEN api_key
ENV auth=1 A=token
ENV Key 1

=== clean: parts of words, words that tell of something public, and ARGs above the first FROM
ARG NPM_TOKEN
FROM debian:12
ENV TOKENS=1 KEYS=1 PUBLIC_KEY=1 TOKEN_FILE=/a KEY_VERSION=1 HOME=/token
ONBUILD ENV TOKEN=1
",
};

/// Words of names, parted by `_`.
const SECRET: [&str; 10] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
];

/// Words that say that the value is no secret.
const HARMLESS: [&str; 3] = ["public", "file", "version"];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for step in &document.scopes().steps {
        let (Some(keyword @ (Keyword::Arg | Keyword::Env)), Body::Pairs { pairs, .. }) =
            (step.instruction.keyword, &step.instruction.body)
        else {
            continue;
        };
        for pair in pairs {
            let name = &pair.key.text;
            let has = |words: &[&str]| {
                name.split('_')
                    .any(|part| words.iter().any(|it| part.eq_ignore_ascii_case(it)))
            };
            if has(&SECRET) && !has(&HARMLESS) {
                let keyword = keyword.name();
                let message =
                    format!("`{keyword} {name}` looks like a secret, which everybody who has the image can read");
                findings.add_at(step.line, pair.key.span, message);
            }
        }
    }
}
