//! A step with rights that builders refuse by default.

use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV117",
    name: "unconfined-run",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "`RUN --security=insecure` or `RUN --network=host`.",
        why: "Such a step can change the machine that builds. Everybody who builds the file has to allow it by hand.",
        example: "# syntax=docker/dockerfile:1\nFROM debian:12\nRUN --security=insecure mount -t tmpfs x /mnt\n",
        instead: "# syntax=docker/dockerfile:1\nFROM debian:12\nRUN --mount=type=tmpfs,target=/mnt ls /mnt\n",
        references: &["https://docs.docker.com/reference/dockerfile/#run---security"],
    },
    check,
    cases: "
=== fires at 2:5, 3:5: both
FROM debian:12
RUN --security=insecure true
RUN --network=host true

=== clean: the defaults, and less than them
FROM debian:12
RUN --security=sandbox --network=none true
RUN --network=default true
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs() {
        for flag in &run.run.flags {
            let Some(value) = flag.value.as_deref() else {
                continue;
            };
            if matches!(
                (flag.name.as_str(), value),
                ("security", "insecure") | ("network", "host")
            ) {
                findings.add(
                    run.instruction,
                    flag.span,
                    format!("`--{}={value}` has to be allowed with `--allow`", flag.name),
                );
            }
        }
    }
}
