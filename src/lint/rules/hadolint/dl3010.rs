//! COPY of an archive that is unpacked afterwards.

use super::support;
use crate::dockerfile::{Body, Instruction, Keyword, Word};
use crate::lint::{Command, Docs, Document, Family, Findings, Fixable, Level, Rule, State};
use std::collections::HashMap;

pub(super) static RULE: Rule = Rule {
    code: "DL3010",
    name: "copied-archive",
    family: Family::Hadolint,
    twin: None,
    level: Level::Info,
    state: State::On,
    fixable: Fixable::No,
    docs: Docs {
        what: "A `COPY` of an archive into the last stage that a later `RUN` unpacks.",
        why: "The archive stays in a layer for good beside what came out of it; `ADD` unpacks it on the way in.",
        example: "FROM debian:12\nCOPY app.tar.gz /tmp/\nRUN tar -xzf /tmp/app.tar.gz\n",
        instead: "FROM debian:12\nADD app.tar.gz /tmp/\n",
        references: &["https://docs.docker.com/reference/dockerfile/#add"],
    },
    check,
    cases: "
=== fires at 2:6, 3:6, 4:7: by the name that it has in the image
FROM debian:12
COPY a.tar \"b.tgz\" /x/
COPY some/c /y/d.txz
COPY [\"e.gz\", \"/\"]
RUN tar -x -f a.tar && tar --extract -f /y/d.txz
RUN ls
RUN [\"gunzip\", \"/e.gz\"]

=== clean: not unpacked, from elsewhere, earlier, or in another stage
FROM debian:12 AS one
RUN tar -xf a.tar
COPY a.tar b.zip /x/
COPY --from=two c.tar /x/
COPY d.tar /x/
RUN tar -xf d.tar
FROM debian:12
COPY a.tar b.zip /x/
RUN tar -cf a.tar x && tar xf a.tar && unzip b.zip && tar -xf c.tar
",
};

const SUFFIXES: &[&str] = &[
    ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz", ".tpz", ".txz", ".xz",
];

const UNPACKERS: &[&str] = &[
    "unzip",
    "gunzip",
    "bunzip2",
    "unlzma",
    "unxz",
    "zgz",
    "uncompress",
    "zcat",
    "gzcat",
];

fn check(document: &Document<'_>, findings: &mut Findings) {
    let Some(stage) = document.stages().last() else { return };
    // What is unpacked, by name, with the place of the last RUN that does it.
    let mut unpacked: HashMap<String, usize> = HashMap::new();
    for run in document
        .runs()
        .iter()
        .filter(|run| !run.onbuild && run.stage == Some(stage.index))
    {
        for word in run
            .commands()
            .iter()
            .filter(|command| unpacks(command))
            .flat_map(|command| &command.words)
        {
            unpacked.insert(support::braced(base(&word.text)).into_owned(), run.index);
        }
    }
    if unpacked.is_empty() {
        return;
    }
    // What other stages hold beside what came out of it is thrown away with them.
    for at in stage.range.clone() {
        let copy = &document.instructions()[at];
        for archive in archives(copy) {
            if unpacked.get(archive.name).is_some_and(|run| *run > at) {
                let message = format!("`{}` is unpacked later; `ADD` does that while copying", archive.name);
                findings.add(copy, archive.word.span, message);
            }
        }
    }
}

struct Archive<'a> {
    name: &'a str,
    word: &'a Word,
}

/// The archives that `copy` copies from the context, by the name that they have in the image.
fn archives(copy: &Instruction) -> Vec<Archive<'_>> {
    let (Body::Words(words) | Body::Json(words)) = &copy.body else {
        return Vec::new();
    };
    let from = copy.flags.iter().any(|flag| flag.name == "from");
    let Some((target, sources)) = words
        .split_last()
        .filter(|_| copy.keyword == Some(Keyword::Copy) && !from)
    else {
        return Vec::new();
    };
    let as_target = base(&target.text);
    sources
        .iter()
        .filter_map(|word| {
            let name = match is_archive(as_target) {
                true => as_target,
                false => base(&word.text),
            };
            is_archive(name).then_some(Archive { name, word })
        })
        .collect()
}

fn is_archive(name: &str) -> bool {
    SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

/// The last part of a path, without quotes.
fn base(path: &str) -> &str {
    let path = path.trim_matches(['"', '\'']);
    path.rsplit('/').next().unwrap_or(path)
}

fn unpacks(command: &Command) -> bool {
    let takes_out = |word: &str| (word.starts_with('-') && word.contains('x')) || matches!(word, "--extract" | "--get");
    command.is_any(UNPACKERS) || (command.is("tar") && command.words.iter().any(|word| takes_out(&word.text)))
}
