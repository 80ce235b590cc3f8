//! Caches of dnf left behind.

use super::support;
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "DL3040",
    name: "dnf-cache",
    family: Family::Hadolint,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::Unsafe,
    docs: Docs {
        what: "A `dnf install` or upgrade that is not followed by `dnf clean all` in the same `RUN`.",
        why: "What dnf downloaded stays in the layer, though nothing reads it again.",
        example: "FROM fedora:41\nRUN dnf install -y curl-8.9.1\n",
        instead: "FROM fedora:41\nRUN dnf install -y curl-8.9.1 && dnf clean all\n",
        references: &["https://docs.fedoraproject.org/en-US/quick-docs/dnf/"],
    },
    check,
    cases: "
=== fires at 2:5, 3:13, 4:46: not cleaned, by the other program, or with a mount that is not its cache
FROM fedora:41
RUN dnf install -y a-1
ONBUILD RUN microdnf -y in a-1 && dnf clean all
RUN --mount=type=cache,target=/var/cache/dnf dnf up
--- fixed
FROM fedora:41
RUN dnf install -y a-1 && dnf clean all
ONBUILD RUN microdnf -y in a-1 && microdnf clean all && dnf clean all
RUN --mount=type=cache,target=/var/cache/dnf dnf up && dnf clean all

=== clean: cleaned, removed, mounted
FROM fedora:41
RUN dnf install -y a-1 && dnf clean all
RUN microdnf install -y a-1; rm -rf /var/cache/yum
RUN --mount=type=cache,target=/root/.cache/libdnf5 dnf install -y a-1
RUN dnf update
",
};

const INSTALLS: &[&str] = &[
    "install",
    "in",
    "upgrade",
    "up",
    "upgrade-minimal",
    "up-min",
    "reinstall",
    "rei",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in document.runs() {
        if run.has_mount(&["cache", "tmpfs"], |path| {
            path.contains("/var/cache/libdnf5") || path.contains(".cache/libdnf5")
        }) {
            continue;
        }
        for program in ["dnf", "microdnf"] {
            let installs = |command: &Command| command.is(program) && command.has_any_word(INSTALLS);
            let cleans = |command: &Command| {
                (command.is(program) && command.has_any_word(&["clean", "all"])) || support::is_rm_rf(command)
            };
            if let Some(command) = support::not_cleaned(run, installs, cleans) {
                let message = format!("what {program} downloaded stays in the image");
                let finding = findings.add(run.instruction, command.span, message);
                finding.help(format!("end the `RUN` with `{program} clean all`"));
                support::fix_by(finding, run, command, &format!("{program} clean all"));
            }
        }
    }
}
