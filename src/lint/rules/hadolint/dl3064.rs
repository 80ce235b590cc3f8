//! Variables that look like secrets.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "DL3064",
    name: "secret-in-variable",
    family: Family::Hadolint,
    twin: Some("SecretsUsedInArgOrEnv"),
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `ARG` or `ENV` whose name is that of a password, a key or the like.",
        why: "Values of both can be read from the image by everybody who has it. `RUN --mount=type=secret` leaves no \
              trace.",
        example: "FROM debian:12\nARG NPM_TOKEN\nRUN npm ci\n",
        instead: "FROM debian:12\nRUN --mount=type=secret,id=NPM_TOKEN,env=NPM_TOKEN npm ci\n",
        references: &["https://docs.docker.com/build/building/secrets/"],
    },
    check,
    cases: r#"
=== fires at 1:5, 3:5, 4:13, 4:27, 5:13: in both, wherever they stand
ARG NPM_TOKEN
FROM debian:12
ENV db_password=1
ENV A=token DB_PASSWORD=1 secretary=2
ONBUILD ENV API_KEY=1

=== fires on 2, 3: in quotes, and names of well-known services
FROM debian:12
ENV "token"=1
ARG aws_access_key_id

=== clean: other names
FROM debian:12
ENV APIKEY=1 KEY=2 AUTH=3 HOME=/token
ARG HOME TOKEN
"#,
};

/// Parts of names.
const PARTS: [&str; 7] = [
    "api_key",
    "client_key",
    "password",
    "private",
    "secret",
    "token",
    "username",
];

/// Whole names, of services that many use.
const NAMES: [&str; 12] = [
    "application_key",
    "aws_access_key_id",
    "ci_deploy_user",
    "docker_email",
    "facebook_app_id",
    "heroku_api_user",
    "okta_authn_groupid",
    "okta_client_orgurl",
    "okta_oauth2_clientid",
    "stripe_device_name",
    "travis_os_name",
    "travis_sudo",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (instruction, inner) in document.instructions_and_triggers() {
        let Body::Pairs { pairs, .. } = &inner.body else {
            continue;
        };
        // Of an ARG hadolint sees the first name only.
        let pairs = match inner.keyword {
            Some(Keyword::Env) => pairs.as_slice(),
            Some(Keyword::Arg) => &pairs[..pairs.len().min(1)],
            _ => continue,
        };
        for pair in pairs {
            let name = words::unquoted(&pair.key.text).to_lowercase();
            if PARTS.iter().any(|part| name.contains(part)) || NAMES.contains(&&*name) {
                let shown = words::unquoted(&pair.key.text);
                findings.add(
                    instruction,
                    pair.key.span,
                    format!("`{shown}` looks like a secret, which everybody who has the image can read"),
                );
            }
        }
    }
}
