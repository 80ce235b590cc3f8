//! LABEL with a key that is not well formed.

use super::labels;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3048",
    name: "malformed-label-key",
    family: Family::Hadolint,
    twin: None,
    level: Level::Style,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A label whose key does not follow Docker's guidelines.",
        why: "Keys in lower case, with a domain of one's own in front, do not clash with those of others.",
        example: "FROM debian:12\nLABEL Maintainer=\"Ada\"\n",
        instead: "FROM debian:12\nLABEL maintainer=\"Ada\"\n",
        references: &["https://docs.docker.com/engine/manage-resources/labels/"],
    },
    check,
    cases: r#"
=== fires at 2:7, 3:11: a capital, and a reserved beginning
FROM debian:12
LABEL Maintainer="Ada"
LABEL a=1 com.docker.a=1

=== fires on 2, 3, 4, 5, 6, 7: first and last letters, doubled marks, other letters
FROM debian:12
LABEL 1a=1
LABEL a-=1
LABEL a..b=1
LABEL a--b=1
LABEL $a=1
LABEL A b c

=== clean: well formed
FROM debian:12
LABEL a=1 "org.example.a-b_c/d1"=1 com.dockerx=1 a__b=1
ONBUILD LABEL A=1
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for instruction in document.instructions() {
        for label in labels::of(instruction) {
            if let Some(problem) = problem(label.key) {
                findings.add(
                    instruction,
                    label.pair.key.span,
                    format!("the label `{}` {problem}", label.key),
                );
            }
        }
    }
}

fn problem(key: &str) -> Option<&'static str> {
    let reserved = ["com.docker.", "io.docker.", "org.dockerproject."];
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_' | '/');
    let last = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if reserved.iter().any(|prefix| key.starts_with(prefix)) {
        Some("begins as those reserved for Docker")
    } else if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("does not begin with a lower-case letter")
    } else if !key.chars().all(inner) {
        Some("has other letters than `a` to `z`, digits, `.`, `-`, `_` and `/`")
    } else if !key.ends_with(last) {
        Some("does not end in a lower-case letter or a digit")
    } else if key.contains("..") || key.contains("--") {
        Some("has two marks in a row")
    } else {
        None
    }
}
