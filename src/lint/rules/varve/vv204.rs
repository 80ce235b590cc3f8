//! Package lists updated in a step of their own.

use super::common::{commands, verb};
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV204",
    name: "lone-update",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` that updates the lists of a package manager and installs nothing.",
        why: "The step stays in the cache while the repositories move on. The installation below it then works with old lists: it gets old versions, or fails because they are gone.",
        example: "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y curl\n",
        instead: "FROM debian:12\nRUN apt-get update && apt-get install -y curl\n",
        references: &["https://docs.docker.com/build/building/best-practices/#apt-get"],
    },
    check,
    cases: "
=== fires at 2:5, 3:8, 4:18: package managers
FROM debian:12
RUN apt-get update
RUN [ \"apk\", \"update\" ]
RUN set -eux  && dnf makecache && rm -rf /tmp/x

=== fires at 2:13: in a trigger
FROM debian:12
ONBUILD RUN apt-get -qq update && apt-get clean

=== clean: with an installation, with something that may be one, with lists in a cache
FROM debian:12
RUN apt-get update && apt-get install -y curl
RUN apt-get update && ./install.sh
RUN --mount=type=cache,target=/var/lib/apt apt-get update
RUN apk update && apk upgrade
RUN yum update -y

=== clean: another program's update
FROM debian:12
RUN git submodule update
RUN apt-get clean
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in commands(document) {
        let is_first = || run.commands().iter().find(|other| updates(other));
        if !updates(command) || is_first() != Some(command) {
            continue;
        }
        let alone = run.commands().iter().all(|other| updates(other) || is_harmless(other));
        let kept = run.has_mount(&["cache", "tmpfs"], |target| {
            [
                "/var/lib/apt",
                "/var/lib/apt/lists",
                "/var/cache/apk",
                "/etc/apk/cache",
                "/var/cache/dnf",
                "/var/cache/yum",
            ]
            .contains(&target)
        });
        if alone && !kept {
            let name = command.name.as_ref().map_or("", |name| name.text.as_str());
            findings
                .add(
                    run.instruction,
                    command.span,
                    format!(
                        "`{name} {}` in a step of its own leaves old lists in the cache",
                        verb(command)
                    ),
                )
                .help("join it with the installation by `&&`");
        }
    }
}

fn updates(command: &Command) -> bool {
    let verbs: &[&str] = match command.name.as_ref().map_or("", |name| name.text.as_str()) {
        "apt-get" | "apt" | "aptitude" | "apk" => &["update"],
        "dnf" | "yum" | "microdnf" | "tdnf" => &["makecache"],
        "zypper" => &["refresh", "ref"],
        "pacman" => {
            return command.has_flag(&["y"]) && command.has_flag(&["S"]) && command.arguments().next().is_none();
        }
        _ => return false,
    };
    verbs.contains(&verb(command)) && !command.has_flag(&["U", "u"])
}

/// What can stand beside an update without being the reason for it.
fn is_harmless(command: &Command) -> bool {
    command.is_any(&["echo", "export", "rm", "set", "true", "sleep"])
        || command.name.is_none() && command.words.is_empty()
        || command.is_any(&["apt-get", "apt", "apk", "dnf", "yum", "zypper"])
            && matches!(verb(command), "clean" | "autoclean" | "autoremove")
}
