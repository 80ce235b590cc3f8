//! USER by name.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};
use std::collections::BTreeSet;

pub(super) static RULE: Rule = Rule {
    code: "DL3066",
    name: "named-user",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `USER` that is not a number.",
        why: "Kubernetes can only be sure of a number that it is not root; what a name stands for is written in the \
              image.",
        example: "FROM debian:12\nUSER app\n",
        instead: "FROM debian:12\nUSER 1000\n",
        references: &["https://kubernetes.io/docs/concepts/security/pod-security-standards/"],
    },
    check,
    cases: "
=== fires at 2:6, 3:6, 5:6: names, and variables that no ARG declares
FROM debian:12
USER app
USER app:1000
ENV NAME=app
USER $NAME

=== clean: numbers, and ARGs seen before
ARG ANY
FROM debian:12
USER 1000
USER 1000:staff
ARG ID
USER $ID
USER ${ID}:${ID}
FROM debian:12
USER $ID
USER x:$ANY
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let mut args: BTreeSet<&str> = BTreeSet::new();
    for instruction in document.instructions() {
        match (instruction.keyword, &instruction.body) {
            (Some(Keyword::Arg), Body::Pairs { pairs, .. }) => {
                args.extend(pairs.first().map(|pair| pair.key.text.as_str()));
            }
            (Some(Keyword::User), _) => {
                let Some(user) = words::list(instruction).first() else {
                    continue;
                };
                let name = user.text.split(':').next().unwrap_or_default();
                let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
                if !is_number && !uses_one(&user.text, &args) {
                    findings.add(instruction, user.span, format!("the user `{name}` is not a number"));
                }
            }
            _ => {}
        }
    }
}

/// Whether the text of an ARG's use occurs: `${ARG}`, or `$ARG` even where the name goes on, as hadolint looks for it.
fn uses_one(text: &str, args: &BTreeSet<&str>) -> bool {
    text.split('$').skip(1).any(|rest| match rest.strip_prefix('{') {
        Some(rest) => rest.split_once('}').is_some_and(|(name, _)| args.contains(name)),
        None => {
            let name = rest
                .bytes()
                .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            // Names of variables are not longer in earnest.
            (1..=name.count().min(200)).any(|length| args.contains(&rest[..length]))
        }
    })
}
