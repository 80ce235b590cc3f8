//! All packages of the base image upgraded.

use super::common::{commands, operands};
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State, Text};

pub(super) static RULE: Rule = Rule {
    code: "VV205",
    name: "package-upgrade",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` that upgrades whatever packages the image has: `apt-get upgrade`, `apk upgrade`, `yum update`.",
        why: "What comes out depends on the day of the build, the old versions stay in the layers below, and the cache keeps the result while new versions appear. A newer base image has the same packages without the second copy.",
        example: "FROM debian:12\nRUN apt-get update && apt-get upgrade -y\n",
        instead: "FROM debian:12.8\n",
        references: &[
            "https://docs.docker.com/build/building/best-practices/#rebuild-your-images",
            "https://docs.docker.com/build/building/best-practices/#pin-base-image-versions",
        ],
    },
    check,
    cases: "
=== fires at 2:31, 3:13, 4:12, 5:9: of each package manager
FROM debian:12
RUN apt-get update && apt-get upgrade -y
RUN apt-get dist-upgrade -y
RUN yum -y update && yum clean all
RUN apk upgrade --no-cache

=== clean: packages that are named, and other programs
FROM debian:12
RUN apk upgrade openssl && dnf -y update bash
RUN apk add --upgrade openssl
RUN pip install --upgrade pip && npm update
RUN apt-get update

=== fires at 2:20: in a trigger
FROM fedora:41
ONBUILD RUN dnf -y upgrade --refresh

=== clean: security fixes alone
FROM fedora:41
RUN dnf -y upgrade --security
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in commands(document) {
        if let Some(verb) = upgrade(command) {
            let name = command.name.as_ref().map_or("", |name| name.text.as_str());
            findings
                .add(
                    run.instruction,
                    verb.span,
                    format!("what `{name} {}` brings depends on the day", verb.text),
                )
                .help("take a newer base image, or upgrade the packages that you need by name");
        }
    }
}

fn upgrade(command: &Command) -> Option<&Text> {
    let verbs: &[&str] = match command.name.as_ref()?.text.as_str() {
        "apt-get" | "apt" | "aptitude" => &["upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"],
        "apk" => &["upgrade"],
        "yum" | "dnf" | "microdnf" | "tdnf" => &["update", "upgrade", "distro-sync"],
        "zypper" => &["update", "up"],
        _ => return None,
    };
    let verb = command.arguments().next()?;
    let some = operands(command).next().is_some() || command.has_flag(&["security", "advisory", "bugfix"]);
    (verbs.contains(&verb.text.as_str()) && !some).then_some(verb)
}
