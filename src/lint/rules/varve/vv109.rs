//! A program that runs with its owner's rights.

use super::common::commands;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV109",
    name: "setuid-bit",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "The setuid or setgid bit is set on files.",
        why: "Such a program is a way from an ordinary user to root inside of the container.",
        example: "FROM debian:12\nRUN chmod u+s /usr/bin/tool\n",
        instead: "FROM debian:12\nRUN setcap cap_net_raw+ep /usr/bin/tool\n",
        references: &["https://man7.org/linux/man-pages/man7/capabilities.7.html"],
    },
    check,
    cases: "
=== fires at 2:11, 3:11, 4:11: letters and numbers
FROM debian:12
RUN chmod u+s /x
RUN chmod 4755 /x
RUN chmod 02755 /x

=== fires at 2:6: while copying
FROM debian:12
COPY --chmod=4755 x /x

=== clean: taken away, or a folder's group
FROM debian:12
RUN chmod u-s,g-s /x && chmod 0755 /x && chmod +x /x && chmod u=rw,g=s-w /y && find / -perm -4000 -delete
",
};

/// Whether the mode sets setuid or setgid.
fn sets_id(mode: &str) -> bool {
    if !mode.is_empty() && mode.len() <= 6 && mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
        return u32::from_str_radix(mode, 8).unwrap_or_default() & 0o6000 != 0;
    }
    mode.split(',').any(|clause| match clause.split_once(['+', '=']) {
        Some((who, rights)) => {
            who.bytes().all(|b| b"ugoa".contains(&b))
                && rights.bytes().all(|b| b"rwxXst".contains(&b))
                && rights.contains('s')
        }
        None => false,
    })
}

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, instruction) in document.instructions_and_triggers() {
        if let Some((flag, mode)) = words::flag_value(instruction, "chmod")
            && sets_id(mode)
        {
            findings.add(
                outer,
                flag.span,
                format!("mode `{mode}` makes programs run with their owner's rights"),
            );
        }
    }
    for (run, command) in commands(document).filter(|(_, command)| command.is("chmod")) {
        if let Some(mode) = command.arguments().next().filter(|mode| sets_id(&mode.text)) {
            findings.add(
                run.instruction,
                mode.span,
                format!("mode `{}` makes programs run with their owner's rights", mode.text),
            );
        }
    }
}
