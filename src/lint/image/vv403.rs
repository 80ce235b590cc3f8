//! Users without a password.

use super::findings::Told;
use super::{Image, ImageRule, nothing};
use crate::lint::{Docs, Family, Fixable, Level, Rule, State};
use std::collections::BTreeSet;

pub(super) static RULE: ImageRule = ImageRule {
    rule: Rule {
        code: "VV403",
        name: "empty-password-in-image",
        family: Family::Varve,
        twin: None,
        level: Level::Error,
        state: State::On,
        fixable: Fixable::No,
        docs: Docs {
            what: "A user in the image's `/etc/shadow`, or with an old system `/etc/passwd`, whose password is empty.",
            why: "Anything in the container that asks for a password lets everybody in as that user.",
            example: "FROM debian:12\nRUN passwd -d root\n",
            instead: "FROM debian:12\nRUN passwd -l root\n",
            references: &["https://man7.org/linux/man-pages/man5/shadow.5.html"],
        },
        check: nothing,
        cases: "
=== fires on 2: in shadow
layer FROM
f 640 /etc/shadow 1
layer RUN passwd -d root
f 640 /etc/shadow 9
content /etc/shadow root::19000:0:99999:7:::|bin:*:1::

=== fires on 1: in passwd
layer FROM
f 644 /etc/passwd 1
content /etc/passwd root:x:0:0::/:/bin/sh|app::1:1::/:/bin/sh

=== clean: locked, or with a password
layer FROM
f 644 /etc/passwd 1
f 640 /etc/shadow 1
content /etc/passwd root:x:0:0::/:/bin/sh|broken
content /etc/shadow root:*:0::|app:!:0::|x:$6$a$b:0||

=== clean: no such files
layer FROM
f 644 /etc/group 1
",
    },
    look,
};

fn look(image: &Image<'_>, told: &mut Told<'_>) {
    for path in ["etc/shadow", "etc/passwd"] {
        let Some(text) = (image.read)(path.as_bytes()) else {
            continue;
        };
        let text = String::from_utf8_lossy(&text);
        let open: BTreeSet<&str> = text
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(':');
                let name = fields.next().filter(|name| !name.is_empty())?;
                fields.next()?.is_empty().then_some(name)
            })
            .collect();
        let Some(first) = open.iter().next() else { continue };
        let others = match open.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let layer = image.view.get(path.as_bytes()).map_or(0, |found| found.layer);
        told.layer(layer, format!("`/{path}` lets `{first}`{others} in without a password"))
            .help("lock the password with `passwd -l`, or take the user out");
    }
}
