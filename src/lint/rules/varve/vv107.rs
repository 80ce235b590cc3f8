//! Signatures of packages are not looked at.

use super::common::commands;
use crate::lint::{Docs, Document, Family, Findings, Fixable, Level, Rule, State};

pub(super) static RULE: Rule = Rule {
    code: "VV107",
    name: "unsigned-packages",
    family: Family::Varve,
    twin: None,
    level: Level::Warning,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A flag that makes a package manager install packages that nobody signed.",
        why: "The signature is what tells the distribution's package from anybody else's.",
        example: "FROM alpine:3.22\nRUN apk add --allow-untrusted ./x.apk\n",
        instead: "FROM alpine:3.22\nCOPY key.rsa.pub /etc/apk/keys/\nRUN apk add ./x.apk\n",
        references: &["https://wiki.debian.org/SecureApt"],
    },
    check,
    cases: "
=== fires at 2:13, 3:16, 4:20: by manager
FROM x
RUN apk add --allow-untrusted x.apk
RUN apt-get -y --allow-unauthenticated install x
RUN yum install -y --nogpgcheck x

=== fires at 2:9, 3:12: rpm and zypper
FROM x
RUN rpm --nosignature -i x.rpm
RUN zypper --no-gpg-checks install -y x

=== fires at 2:10: a repository that is trusted by word
FROM x
RUN echo \"deb [trusted=yes] http://example.org ./\" > /etc/apt/sources.list

=== clean: other flags
FROM x
RUN apt-get install -y --no-install-recommends x=1
RUN echo \"deb [signed-by=/k.gpg] https://example.org ./\" > /etc/apt/sources.list
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for (run, command) in commands(document) {
        let flags: &[&str] = match command.name.as_ref().map_or("", |name| name.text.as_str()) {
            "apk" => &["allow-untrusted"],
            "apt-get" | "apt" | "aptitude" => &["allow-unauthenticated", "force-yes", "allow-insecure-repositories"],
            "yum" | "dnf" | "microdnf" | "tdnf" => &["nogpgcheck", "no-gpgchecks"],
            "zypper" => &["no-gpg-checks", "allow-unsigned-rpm"],
            "rpm" => &["nosignature", "nodigest"],
            "dpkg" => &["force-bad-verify"],
            _ => &[],
        };
        for flag in command.flags().filter(|flag| flags.contains(&flag.name)) {
            let span = command.words.get(flag.at).map_or(command.span, |word| word.span);
            findings.add(
                run.instruction,
                span,
                format!("`--{}` installs packages that nobody signed", flag.name),
            );
        }
        let is_written = command.is_any(&["echo", "printf"]);
        for word in command
            .words
            .iter()
            .filter(|word| is_written && word.text.contains("trusted=yes"))
        {
            findings.add(
                run.instruction,
                word.span,
                "packages of a repository with `trusted=yes` need no signature",
            );
        }
    }
}
