//! An archive left after it was unpacked.

use super::common::{downloads, file_name, kept_runs};
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State, Text};

pub(super) static RULE: Rule = Rule {
    code: "VV217",
    name: "leftover-archive",
    family: Family::Varve,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `RUN` of the image that downloads an archive to a file, unpacks it, and leaves the file.",
        why: "The image holds its content twice.",
        example: "FROM debian:12\nRUN curl -fsSLo /tmp/go.tgz https://example.org/go.tgz && tar -C /usr/local -xzf /tmp/go.tgz\n",
        instead: "FROM debian:12\nRUN curl -fsSLo /tmp/go.tgz https://example.org/go.tgz && tar -C /usr/local -xzf /tmp/go.tgz && rm /tmp/go.tgz\n",
        references: &["https://docs.docker.com/build/building/best-practices/#add-or-copy"],
    },
    check,
    cases: "
=== fires at 2:76: with tar
FROM debian:12
RUN curl -fsSLo /tmp/go.tgz https://example.org/x && tar -C /usr/local -xf /tmp/go.tgz

=== fires at 3:57: with unzip, by the name in the address
FROM debian:12
WORKDIR /opt
RUN wget -q https://example.org/a/tool.zip?x=1 && unzip tool.zip

=== clean: removed, or piped
FROM debian:12
RUN curl -fsSLo /tmp/go.tgz https://example.org/x && tar -xf /tmp/go.tgz && rm /tmp/go.tgz
RUN wget -q https://example.org/a/tool.zip && unzip tool.zip && rm -rf *.zip
RUN curl -fsSL https://example.org/x | tar -xz

=== clean: in a mount, moved away, or in a stage of its own
FROM debian:12 AS x
RUN wget https://example.org/a.tar && tar xf a.tar
FROM debian:12
RUN --mount=type=tmpfs,target=/tmp cd /tmp && curl -O https://example.org/a.tar && tar xf a.tar
RUN curl -O https://example.org/a.gz && gunzip a.gz
",
};

fn check(document: &Document<'_>, findings: &mut Findings) {
    for run in kept_runs(document) {
        if run.has_mount(&["cache", "tmpfs"], |_| true) {
            continue;
        }
        let files: Vec<String> = run.commands().iter().flat_map(downloads).collect();
        let removed = run
            .commands()
            .iter()
            .any(|command| command.is_any(&["rm", "mv", "find", "unlink"]));
        // What `rm` takes is often a pattern or a folder. Who cleans up at all hardly forgets the largest file.
        if files.is_empty() || removed {
            continue;
        }
        for archive in run.commands().iter().filter_map(unpacked) {
            let name = file_name(&archive.text);
            if files.iter().any(|file| file_name(file) == name) {
                findings
                    .add(
                        run.instruction,
                        archive.span,
                        format!("`{name}` is left in the image after this"),
                    )
                    .help("remove it in the same step, or unpack it through a pipe");
            }
        }
    }
}

/// The archive that a command unpacks and leaves.
fn unpacked(command: &Command) -> Option<&Text> {
    if command.is("unzip") {
        return command.arguments().find(|word| word.text.ends_with(".zip"));
    }
    if !command.is_any(&["tar", "bsdtar"]) {
        return None;
    }
    let old_style = command
        .words
        .first()
        .filter(|word| !word.text.starts_with('-') && word.text.contains('x'));
    let extracts = command.has_flag(&["x", "extract", "get"]) || old_style.is_some();
    let is_archive = |text: &str| text.contains(".t") || text.contains(".zip");
    let mut words = command.arguments().filter(|word| is_archive(&word.text));
    words.next().filter(|_| extracts)
}
