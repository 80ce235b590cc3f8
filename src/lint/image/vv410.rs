//! Files that everybody may write.

use super::findings::{Files, Told};
use super::{Image, ImageRule, is_within, nothing};
use crate::layer::Kind;
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV410",
        name: "world-writable-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Warning,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "A file, or a folder without the sticky bit, that every user may write, outside of the places for temporary files.",
            why: "Any process of the container can change what others run or read.",
            example: "FROM debian:12\nCOPY --chmod=777 start.sh /start.sh\n",
            instead: "FROM debian:12\nCOPY --chmod=755 start.sh /start.sh\n",
            references: &["https://man7.org/linux/man-pages/man7/inode.7.html"],
        },
        check: nothing,
        cases: "
=== fires on 1: a file and a folder
layer COPY x
f 777 /start.sh 10
d 777 /data

=== clean: the sticky bit, links, devices, temporary files
layer FROM
d 1777 /tmp
d 1777 /var/spool/x
f 666 /tmp/a 1
f 666 /var/tmp/a 1
l /bin usr/bin
f 755 /a 1

=== clean: not seen any more
layer COPY x
f 777 /start.sh 10
layer RUN chmod
f 755 /start.sh 10
",
    },
    look,
};

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    let temporary: [&[u8]; 7] = [b"tmp", b"var/tmp", b"dev", b"proc", b"sys", b"run/lock", b"var/lock"];
    let mut files = Files::default();
    for found in image.files() {
        let entry = found.entry;
        let matters = match entry.kind {
            Kind::File { .. } | Kind::HardLink { .. } => true,
            Kind::Directory { .. } => entry.mode & 0o1000 == 0,
            _ => false,
        };
        if matters && entry.mode & 0o002 != 0 && !temporary.iter().any(|folder| is_within(&entry.path, folder)) {
            files.add(found.layer, &entry.path, 0);
        }
    }
    told.files(files, |names, _| format!("everybody may write {names}"));
}
