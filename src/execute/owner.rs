//! `--chown`, and the owner of directories that WORKDIR makes: names are looked up in the image.

use super::stack::Stack;

/// An owner in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The owner that `--chown` names, as BuildKit has it: `5` is 5:5, `:7` is 0:7, a user's name alone brings the group of
/// its line in `/etc/passwd`, a user that the image does not know is root, and such a group is the user's own.
pub(super) fn lookup(spec: &str, stack: &Stack) -> Owner {
    let (user, group) = match spec.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (spec, None),
    };
    let passwd = || stack.read_small(b"etc/passwd").unwrap_or_default();
    let (uid, own_gid) = match user.parse() {
        _ if user.is_empty() => (0, 0),
        Ok(uid) => (uid, uid),
        Err(_) => {
            let passwd = passwd();
            let line = lines(&passwd).find(|fields| fields.first() == Some(&user.as_bytes()));
            let number = |index: usize| line.as_ref().and_then(|fields| number(fields.get(index)?));
            (number(2).unwrap_or(0), number(3).unwrap_or(0))
        }
    };
    let gid = match group {
        None => own_gid,
        Some(group) => group.parse().unwrap_or_else(|_| {
            let groups = stack.read_small(b"etc/group").unwrap_or_default();
            let line = lines(&groups).find(|fields| fields.first() == Some(&group.as_bytes()));
            line.and_then(|fields| number(fields.get(2)?)).unwrap_or(own_gid)
        }),
    };
    Owner { uid, gid }
}

fn lines(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|byte| *byte == b'\n')
        .map(|line| line.split(|byte| *byte == b':').collect())
}

fn number(field: &[u8]) -> Option<u32> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}
