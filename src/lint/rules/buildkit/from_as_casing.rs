//! FROM and AS in different cases.

use crate::dockerfile::Body;
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "FromAsCasing",
    name: "from-as-casing",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "An `AS` that is not written in the case of its `FROM`.",
        why: "Keywords of one line that look alike are found at a glance.",
        example: "FROM debian:12 as build\n",
        instead: "FROM debian:12 AS build\n",
        references: &["https://docs.docker.com/reference/build-checks/from-as-casing/"],
    },
    check,
    cases: "
=== fires at 1:16, 2:16, 3:16: either way
FROM debian:12 as build
from debian:12 AS test
FROM debian:12 As more
--- fixed
FROM debian:12 AS build
from debian:12 as test
FROM debian:12 AS more

=== clean: alike, or a FROM that has no case of its own
FROM debian:12 AS build
from debian:12 as test
From debian:12 as more
FROM debian:12
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for stage in document.stages() {
        let Body::Words(words) = &stage.from.body else { continue };
        let Some(keyword) = words.get(1).filter(|word| word.text.eq_ignore_ascii_case("as")) else {
            continue;
        };
        let from = &stage.from.name.text;
        let wanted = if *from == from.to_lowercase() {
            "as"
        } else if *from == from.to_uppercase() {
            "AS"
        } else {
            continue;
        };
        if keyword.text != wanted {
            let message = format!("`{}` is not written in the case of `{from}`", keyword.text);
            let finding = findings.add(stage.from, keyword.span, message);
            finding.fix(Fix::safe(
                format!("write `{wanted}`"),
                vec![Edit::replace(keyword.span, wanted)],
            ));
        }
    }
}
