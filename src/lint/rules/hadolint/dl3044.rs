//! ENV that uses what it sets.

use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};
use std::collections::{BTreeMap, BTreeSet};

pub(super) static RULE: Rule = Rule {
    code: "DL3044",
    name: "env-uses-itself",
    family: Family::Hadolint,
    twin: None,
    level: Level::Error,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "An `ENV` with a variable that only the same `ENV` sets.",
        why: "All words of an instruction see the variables from before it, so the variable is empty there.",
        example: "FROM debian:12\nENV HOME=/app BIN=$HOME/bin\n",
        instead: "FROM debian:12\nENV HOME=/app\nENV BIN=$HOME/bin\n",
        references: &["https://docs.docker.com/reference/dockerfile/#environment-replacement"],
    },
    check,
    cases: r#"
=== fires at 2:19: a neighbour
FROM debian:12
ENV HOME=/app BIN=$HOME/bin

=== fires on 2, 3, 4, 5: before it stands, in braces, behind a backslash, and twice by itself
FROM debian:12
ENV B=$A A=1
ENV C=1 D=${C}/x
ENV E=1 F=\$E
ENV G=$G G=$G

=== clean: itself once, set before, other names, and operators
ARG GLOBAL
FROM debian:12
ENV PATH=/a:$PATH
ENV A=1
ENV A=2 B=$A
ENV C=1 D=$CC
ENV E=1 F=${E:-2}
ENV GLOBAL=1 G=$GLOBAL
ENV H I=$H
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for instruction in document.instructions() {
        let Body::Pairs { pairs, .. } = &instruction.body else {
            continue;
        };
        if instruction.keyword == Some(Keyword::Env) {
            // The first two values with a variable are enough: one of them is not its own.
            let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            for (index, value) in pairs
                .iter()
                .enumerate()
                .filter_map(|(at, pair)| Some((at, pair.value.as_ref()?)))
            {
                for name in words::names_used(&value.text) {
                    let users = users.entry(name).or_default();
                    if users.len() < 2 && users.last() != Some(&index) {
                        users.push(index);
                    }
                }
            }
            let found = pairs.iter().enumerate().find_map(|(index, pair)| {
                let name = pair.key.text.as_str();
                let users = users.get(name).filter(|_| !known.contains(name))?;
                let user = users.iter().find(|user| **user != index)?;
                Some((name, pairs[*user].value.as_ref()?))
            });
            if let Some((name, value)) = found {
                let span = words::place_of(document.text(value.span), value.span, name);
                findings.add(
                    instruction,
                    span,
                    format!("`{name}` is not set yet: the same `ENV` sets it"),
                );
            }
        }
        match instruction.keyword {
            Some(Keyword::Env) => known.extend(pairs.iter().map(|pair| pair.key.text.as_str())),
            Some(Keyword::Arg) => known.extend(pairs.first().map(|pair| pair.key.text.as_str())),
            _ => {}
        }
    }
}
