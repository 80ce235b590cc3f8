//! ENV and LABEL without an equals sign.

use crate::diagnostic::Span;
use crate::dockerfile::{Body, Keyword};
use crate::lint::{Docs, Document, Edit, Family, Findings, Fix, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "LegacyKeyValueFormat",
    name: "legacy-key-value-format",
    family: Family::BuildKit,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Safe,
    docs: Docs {
        what: "An `ENV` or `LABEL` with a blank between name and value.",
        why: "That form takes only one pair and everything up to the end of the line, and is kept for old files.",
        example: "FROM debian:12\nENV NAME a value\n",
        instead: "FROM debian:12\nENV NAME=\"a value\"\n",
        references: &["https://docs.docker.com/reference/build-checks/legacy-key-value-format/"],
    },
    check,
    cases: r#"
=== fires at 2:5, 3:5, 4:7, 5:9: quotes where blanks need them
FROM debian:12
ENV A 1
ENV B   b  c $A
LABEL c "d e"
ENV     D   $A/x:'y'
--- fixed
FROM debian:12
ENV A=1
ENV B="b  c $A"
LABEL c="d e"
ENV     D=$A/x:'y'

=== fires on 2, 3, 4: no fix where quotes or escapes may mean something
FROM debian:12
ENV A b "c"
ENV B a\ b c
ENV C a \
  b
--- fixed
FROM debian:12
ENV A b "c"
ENV B a\ b c
ENV C a \
  b

=== clean: equals signs
FROM debian:12
ENV A=1 B="b c"
LABEL c=d
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for step in &document.scopes().steps {
        let instruction = step.instruction;
        let (Some(keyword @ (Keyword::Env | Keyword::Label)), Body::Pairs { pairs, legacy: true }) =
            (instruction.keyword, &instruction.body)
        else {
            continue;
        };
        let Some(pair) = pairs.first() else { continue };
        let name = keyword.name();
        let message = format!("`{name}` is written with a blank for the equals sign");
        let finding = findings.add_at(step.line, pair.key.span, message);
        let Some(value) = &pair.value else { continue };
        let between = Span::new(pair.key.span.end, value.span.end);
        let is_whole = document.text(value.span) == value.text && !document.text(between).contains('\n');
        if let Some(quoted) = quoted(&value.text, document.escape()).filter(|_| is_whole) {
            finding.fix(Fix::safe(
                "write an equals sign",
                vec![Edit::replace(between, format!("={quoted}"))],
            ));
        }
    }
}

/// The value as it is written after an equals sign; `None` when it might mean something else there.
fn quoted(value: &str, escape: char) -> Option<String> {
    let inner = |quote: char| {
        let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some(())
    };
    if value.contains(escape) || value.contains('\\') {
        return None;
    }
    if !value.contains(char::is_whitespace) || inner('"').is_some() || inner('\'').is_some() {
        return Some(value.to_owned());
    }
    (!value.contains(['"', '\''])).then(|| format!("\"{value}\""))
}
