//! Findings silenced in the file.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL1001",
    name: "inline-ignore",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::Off,
    fixable: Fixable::No,
    docs: Docs {
        what: "A comment `# hadolint ignore=…` that silences the next line.",
        why: "Some projects want every exception to stand in one configuration file, where it is reviewed.",
        example: "FROM debian:12\n# hadolint ignore=DL3059\nRUN true\n",
        instead: "FROM debian:12\nRUN true\n",
        references: &["https://github.com/hadolint/hadolint#inline-ignores"],
    },
    check,
    cases: r#"
=== fires at 2:1, 4:3: with reasons, and with blanks
FROM debian:12
# hadolint ignore=DL3059,SC2086 # a reason
RUN true
  #hadolint  ignore = DL3008 , DL3009

=== clean: other scopes, and comments that hadolint does not take for one
FROM debian:12
# hadolint global ignore=DL3059
# hadolint shell=bash
# hadolint stage ignore=DL3059
FROM debian:12
# hadolint ignore=DL3059 because
# hadolint ignore=dl3059
# hadolint ignore=DL3008,
# hadolint ignore=
# hadolint ignore=VV101
## hadolint ignore=DL3059
RUN true \
# hadolint ignore=DL3059
 && true
"#,
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for comment in document.comments() {
        let Some(codes) = ignored(comment.text) else { continue };
        findings.add_at(
            comment.line,
            comment.span,
            format!("`{codes}` is silenced here and not in the configuration"),
        );
    }
}

/// The codes that a comment silences on the next line; `None` for any other comment.
fn ignored(comment: &str) -> Option<&str> {
    let rest = comment.strip_prefix("hadolint")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start().strip_prefix("ignore")?;
    let list = rest.trim_start().strip_prefix('=')?;
    let list = list.split_once('#').map_or(list, |(list, _reason)| list).trim();
    let is_code = |code: &str| {
        let digits = code.strip_prefix("DL").or_else(|| code.strip_prefix("SC"));
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    list.split(',').all(|code| is_code(code.trim())).then_some(list)
}
