//! A volume where the system keeps its own.

use crate::dockerfile::Keyword;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State, words};

pub(super) static RULE: Rule = Rule {
    code: "VV116",
    name: "host-volume",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "`VOLUME` on the Docker socket, the root, or a folder that the kernel or the system owns.",
        why: "A volume there hides what the system put there, or invites handing the whole machine to the container.",
        example: "FROM debian:12\nVOLUME /var/run/docker.sock\n",
        instead: "FROM debian:12\nVOLUME /var/lib/app\n",
        references: &["https://docs.docker.com/reference/dockerfile/#volume"],
    },
    check,
    cases: "
=== fires at 2:8, 3:9: either form
FROM debian:12
VOLUME /var/run/docker.sock /data
VOLUME [\"/proc/\"]

=== fires at 2:8: everything
FROM debian:12
VOLUME /

=== clean: the application's own
FROM debian:12
VOLUME /data /var/lib/x \"/srv\" /etc/app
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (outer, instruction) in document.instructions_and_triggers() {
        if instruction.keyword != Some(Keyword::Volume) {
            continue;
        }
        for word in words::list(instruction) {
            let path = words::unquoted(&word.text);
            let trimmed = path.trim_end_matches('/');
            let is_socket = trimmed.ends_with("/docker.sock") || trimmed.ends_with("/containerd.sock");
            let is_system = matches!(
                trimmed,
                "/bin"
                    | "/boot"
                    | "/dev"
                    | "/etc"
                    | "/lib"
                    | "/lib64"
                    | "/proc"
                    | "/run"
                    | "/sbin"
                    | "/sys"
                    | "/usr"
                    | "/var/run"
            );
            if is_socket || is_system || (trimmed.is_empty() && path.starts_with('/')) {
                findings.add(
                    outer,
                    word.span,
                    format!("`{path}` belongs to the system, not to the application"),
                );
            }
        }
    }
}
