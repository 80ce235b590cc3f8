//! Rights for everybody to write.

use super::common::commands;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV108",
    name: "world-writable",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "Files or folders made writable for every user.",
        why: "Any process of the container can then change them, programs among them, whatever user it runs as.",
        example: "FROM debian:12\nRUN chmod -R 777 /app\n",
        instead: "FROM debian:12\nRUN chown -R app:app /app && chmod -R u=rwX,g=rX,o= /app\n",
        references: &["https://docs.docker.com/reference/dockerfile/#copy---chown---chmod"],
    },
    check,
    cases: "
=== fires at 2:11, 3:14, 4:11: numbers and letters
FROM debian:12
RUN chmod 0777 /app
RUN chmod -R a+rwx /app
RUN chmod o+w,g+w /app

=== fires at 2:6: while copying
FROM debian:12
COPY --chmod=0666 x /x

=== fires at 2:14: a new folder
FROM debian:12
RUN mkdir -m 777 /data

=== clean: the sticky bit, and others' rights to read
FROM debian:12
RUN chmod 1777 /tmp && chmod a+rx,u+w /x && chmod 755 /y && mkdir -m 1777 /z && chmod +x /w
COPY --chmod=755 x /x
",
};

/// Whether the mode lets everybody write, and has no sticky bit.
fn is_open(mode: &str) -> bool {
    if !mode.is_empty() && mode.len() <= 6 && mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
        let bits = u32::from_str_radix(mode, 8).unwrap_or_default();
        return bits & 0o002 != 0 && bits & 0o1000 == 0;
    }
    let clauses = || mode.split(',');
    let opens = |clause: &str| {
        let Some(at) = clause.find(['+', '=', '-']) else {
            return false;
        };
        let (who, change) = clause.split_at(at);
        // Without a letter in front the umask counts, which takes the right to write away.
        !change.starts_with('-') && who.contains(['a', 'o']) && change.contains('w')
    };
    clauses().any(opens) && !clauses().any(|clause| clause.contains('t'))
}

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, instruction) in document.instructions_and_triggers() {
        if let Some((flag, mode)) = words::flag_value(instruction, "chmod")
            && is_open(mode)
        {
            findings.add(outer, flag.span, format!("mode `{mode}` lets everybody write"));
        }
    }
    for (run, command) in commands(document) {
        let mode = if command.is("chmod") {
            command.arguments().next()
        } else if command.is_any(&["mkdir", "install"]) {
            let at = command
                .flags()
                .find(|flag| matches!(flag.name, "m" | "mode"))
                .map(|flag| flag.at + 1);
            at.and_then(|at| command.words.get(at))
        } else {
            None
        };
        if let Some(mode) = mode.filter(|mode| is_open(&mode.text)) {
            findings.add(
                run.instruction,
                mode.span,
                format!("mode `{}` lets everybody write", mode.text),
            );
        }
    }
}
