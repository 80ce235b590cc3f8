//! The history of a repository in the image.

use super::findings::{Files, Told};
use super::{Image, ImageRule, name_of, nothing};
use crate::lint::context_facts::size;
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV405",
        name: "history-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Warning,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "A `.git`, `.hg` or `.svn` folder in an image.",
            why: "It holds everything that was ever in the repository, secrets that were taken out later among it, and is often larger than the files.",
            example: "FROM debian:12\nRUN git clone https://example.org/x.git /opt/x\n",
            instead: "FROM debian:12\nADD https://example.org/x.git#v1 /opt/x\n",
            references: &["https://docs.docker.com/build/concepts/context/#dockerignore-files"],
        },
        check: nothing,
        cases: "
=== fires on 2: of two repositories
layer FROM
d 755 /x
layer COPY x
f 644 /x/.git/HEAD 20
f 644 /x/.git/objects/a 2000
f 644 /y/.hg/store/a 3000

=== clean: removed, or only a link
layer COPY x
f 644 /x/.git/HEAD 20
f 644 /y/.git 30
layer RUN rm
w /x/.git

=== clean: other names
layer COPY x
f 644 /x/.github/HEAD 20
f 644 /x/.gitignore 20
",
    },
    look,
};

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    let mut files = Files::default();
    // The walk goes down into a folder right behind it.
    let mut inside: Option<(usize, &[u8], u64)> = None;
    for found in image.files() {
        let entry = found.entry;
        if let Some((layer, folder, bytes)) = &mut inside {
            if super::is_within(&entry.path, folder) {
                *bytes += Image::size(entry);
                continue;
            }
            files.add(*layer, folder, *bytes);
            inside = None;
        }
        let parent = entry
            .path
            .iter()
            .rposition(|byte| *byte == b'/')
            .map(|at| &entry.path[..at]);
        let is_history = |path: &[u8]| matches!(name_of(path), b".git" | b".hg" | b".svn" | b".bzr");
        let is_folder = matches!(entry.kind, crate::layer::Kind::Directory { .. });
        let folder = match parent {
            _ if is_folder && is_history(&entry.path) => &*entry.path,
            // A folder that no layer lists by itself.
            Some(parent) if is_history(parent) => parent,
            _ => continue,
        };
        inside = Some((found.layer, folder, Image::size(entry)));
    }
    if let Some((layer, folder, bytes)) = inside {
        files.add(layer, folder, bytes);
    }
    told.files(files, |names, bytes| {
        format!("the image holds a history of {}: {names}", size(bytes))
    });
}
