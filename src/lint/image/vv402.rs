//! Programs that run as another user.

use super::findings::{Files, Told};
use super::{Image, ImageRule, name_of, nothing};
use crate::layer::Kind;
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV402",
        name: "setuid-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Info,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "A file of an image with the setuid or setgid bit that is not one of those that every distribution has.",
            why: "Whoever runs in the container can become the file's owner by it, which is root as a rule.",
            example: "FROM debian:12\nCOPY --chmod=4755 tool /usr/bin/tool\n",
            instead: "FROM debian:12\nCOPY --chmod=755 tool /usr/bin/tool\n",
            references: &["https://man7.org/linux/man-pages/man7/inode.7.html"],
        },
        check: nothing,
        cases: "
=== fires on 1, 2: a program, and one that belongs to a group
layer RUN x
f 4755 /opt/tool 100
layer RUN y
f 2755 /usr/local/bin/other 100
f 4755 /usr/bin/sudo 100

=== clean: usual ones, folders, and a bit that was taken away
layer FROM
f 4755 /usr/bin/passwd 100
f 4755 /bin/su 10
f 4755 /opt/x 10
d 2775 /srv
layer RUN chmod
f 755 /opt/x 10
",
    },
    look,
};

/// What Debian, Alpine, Fedora and their relatives bring in directories of programs.
const USUAL: [&[u8]; 19] = [
    b"bbsuid",
    b"chage",
    b"chfn",
    b"chsh",
    b"crontab",
    b"expiry",
    b"fusermount",
    b"fusermount3",
    b"gpasswd",
    b"mount",
    b"newgrp",
    b"pam_extrausers_chkpwd",
    b"passwd",
    b"pam_timestamp_check",
    b"su",
    b"umount",
    b"unix_chkpwd",
    b"wall",
    b"write",
];

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    let mut files = Files::default();
    for found in image.files() {
        let entry = found.entry;
        let is_program = matches!(entry.kind, Kind::File { .. } | Kind::HardLink { .. });
        let is_usual = !entry.path.starts_with(b"opt/") && USUAL.contains(&name_of(&entry.path));
        if is_program && entry.mode & 0o6000 != 0 && !is_usual {
            files.add(found.layer, &entry.path, 0);
        }
    }
    told.files(files, |names, _| {
        format!("runs with the rights of its owner or group: {names}")
    });
}
