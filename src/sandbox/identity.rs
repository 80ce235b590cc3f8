//! Who `USER` names: looked up in the image's own user and group files, as Docker does.

use thiserror::Error;

/// A user with everything that a process takes from one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// User number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// All groups: the one above, then those that list the user.
    pub groups: Vec<u32>,
    /// Home directory, `/` if unknown.
    pub home: String,
}

/// Why there is no such user.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The name is not in the user file.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    UnknownUser(String),
    /// The name is not in the group file.
    #[error("unable to find group {0}: no matching entries in group file")]
    UnknownGroup(String),
    /// A number that no user or group has.
    #[error("uids and gids must be in range 0-2147483647, `{0}` is not")]
    Range(String),
}

/// The greatest number that Docker accepts.
const MAX: u32 = i32::MAX as u32;

/// Finds the user of `spec`: empty, `user`, `uid`, `user:group`, `uid:gid` or a mixture.
///
/// `passwd` and `group` are the texts of the image's files, `None` where it has none. A number needs
/// no entry. Without an explicit group the user gets all groups that list its name. Lines that make no sense
/// are passed over: they must not give anybody the number 0.
pub fn lookup(spec: &str, passwd: Option<&[u8]>, group: Option<&[u8]>) -> Result<Identity, IdentityError> {
    let (user, wanted_group) = spec.split_once(':').unwrap_or((spec, ""));
    let number = if user.is_empty() { Some(0) } else { parse(user)? };
    let entry = users(passwd.unwrap_or_default()).find(|entry| match number {
        // What looks like a number is one, even if it is somebody's name.
        Some(uid) => entry.uid == uid,
        None => entry.name == user.as_bytes(),
    });
    let mut identity = match (&entry, number) {
        (Some(entry), _) => Identity {
            uid: entry.uid,
            gid: entry.gid,
            groups: Vec::new(),
            home: String::from_utf8_lossy(entry.home).into_owned(),
        },
        (None, Some(uid)) => Identity {
            uid,
            gid: 0,
            groups: Vec::new(),
            home: String::new(),
        },
        (None, None) => return Err(IdentityError::UnknownUser(user.to_owned())),
    };
    if identity.home.is_empty() {
        identity.home = "/".to_owned();
    }
    let group = group.unwrap_or_default();
    let mut others = Vec::new();
    if !wanted_group.is_empty() {
        identity.gid = find_group(wanted_group, group)?;
    } else if let Some(entry) = &entry {
        others = groups(group)
            .filter(|it| it.lists(entry.name))
            .map(|it| it.gid)
            .collect();
    }
    identity.groups.push(identity.gid);
    for gid in others {
        // The kernel takes 65,536 and no hostile file shall make us try more.
        if identity.groups.len() < 65_536 && !identity.groups.contains(&gid) {
            identity.groups.push(gid);
        }
    }
    Ok(identity)
}

/// Finds the number of a user, for `--chown` and the like; a number is itself.
pub fn user_number(user: &str, passwd: Option<&[u8]>) -> Result<u32, IdentityError> {
    match parse(user)? {
        Some(uid) => Ok(uid),
        None => users(passwd.unwrap_or_default())
            .find(|entry| entry.name == user.as_bytes())
            .map(|entry| entry.uid)
            .ok_or_else(|| IdentityError::UnknownUser(user.to_owned())),
    }
}

/// Finds the number of a group; a number is itself.
pub fn group_number(name: &str, group: Option<&[u8]>) -> Result<u32, IdentityError> {
    find_group(name, group.unwrap_or_default())
}

fn find_group(name: &str, text: &[u8]) -> Result<u32, IdentityError> {
    match parse(name)? {
        Some(gid) => Ok(gid),
        None => groups(text)
            .find(|entry| entry.name == name.as_bytes())
            .map(|entry| entry.gid)
            .ok_or_else(|| IdentityError::UnknownGroup(name.to_owned())),
    }
}

/// A decimal number as Go's `strconv.Atoi` reads it; `None` for a name.
fn parse(text: &str) -> Result<Option<u32>, IdentityError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    let value = if text.starts_with('-') && digits.bytes().any(|byte| byte != b'0') {
        None
    } else {
        digits.parse().ok()
    };
    match value {
        Some(value) if value <= MAX => Ok(Some(value)),
        _ => Err(IdentityError::Range(text.to_owned())),
    }
}

struct User<'a> {
    name: &'a [u8],
    uid: u32,
    gid: u32,
    home: &'a [u8],
}

fn users(text: &[u8]) -> impl Iterator<Item = User<'_>> {
    lines(text).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|it| !it.is_empty())?;
        let _password = fields.next()?;
        Some(User {
            name,
            uid: field_number(fields.next()?)?,
            gid: field_number(fields.next()?)?,
            home: fields.nth(1).unwrap_or_default(),
        })
    })
}

struct Group<'a> {
    name: &'a [u8],
    gid: u32,
    members: &'a [u8],
}

impl Group<'_> {
    fn lists(&self, name: &[u8]) -> bool {
        self.members.split(|byte| *byte == b',').any(|it| it == name)
    }
}

fn groups(text: &[u8]) -> impl Iterator<Item = Group<'_>> {
    lines(text).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next().filter(|it| !it.is_empty())?;
        let _password = fields.next()?;
        Some(Group {
            name,
            gid: field_number(fields.next()?)?,
            members: fields.next().unwrap_or_default(),
        })
    })
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && line[0] != b'#')
}

fn field_number(field: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(field).ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value| plain && *value <= MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# comment:x:1:1::/:\n\napp:x:1000:1000::/home/app:/bin/sh\n\
        broken:x:abc:0::/:/bin/sh\nshort:x:5\n1234:x:77:77::/seven:/bin/sh\nhomeless:x:8:9\n  spaced:x:6:6::/s:\r\napp:x:0:0::/:\n";
    const GROUP: &[u8] = b"root:x:0:\nwheel:x:10:root,app\nstaff:x:50:app\napp:x:1000:\nbad:x::app\nweb:x:33:ap,pp\n";

    fn found(spec: &str) -> (u32, u32, Vec<u32>, String) {
        let it = lookup(spec, Some(PASSWD), Some(GROUP)).unwrap();
        (it.uid, it.gid, it.groups, it.home)
    }

    #[test]
    fn users_are_found_as_docker_finds_them() {
        for (spec, uid, gid, groups, home) in [
            ("", 0, 0, vec![0, 10], "/root"),
            ("root", 0, 0, vec![0, 10], "/root"),
            ("app", 1000, 1000, vec![1000, 10, 50], "/home/app"),
            ("1000", 1000, 1000, vec![1000, 10, 50], "/home/app"),
            ("app:staff", 1000, 50, vec![50], "/home/app"),
            ("app:7", 1000, 7, vec![7], "/home/app"),
            (":staff", 0, 50, vec![50], "/root"),
            ("app:", 1000, 1000, vec![1000, 10, 50], "/home/app"),
            ("4321", 4321, 0, vec![0], "/"),
            ("4321:8765", 4321, 8765, vec![8765], "/"),
            ("1234", 1234, 0, vec![0], "/"),
            ("homeless", 8, 9, vec![9], "/"),
            ("spaced", 6, 6, vec![6], "/s"),
            ("2147483647", MAX, 0, vec![0], "/"),
        ] {
            assert_eq!(found(spec), (uid, gid, groups, home.to_owned()), "{spec}");
        }
    }

    #[test]
    fn unknown_names_are_errors() {
        for (spec, message) in [
            (
                "nosuch",
                "unable to find user nosuch: no matching entries in passwd file",
            ),
            (
                "broken",
                "unable to find user broken: no matching entries in passwd file",
            ),
            ("short", "unable to find user short: no matching entries in passwd file"),
            (
                "app:nosuch",
                "unable to find group nosuch: no matching entries in group file",
            ),
            (
                "2147483648",
                "uids and gids must be in range 0-2147483647, `2147483648` is not",
            ),
            ("0:-1", "uids and gids must be in range 0-2147483647, `-1` is not"),
            (
                "99999999999999999999",
                "uids and gids must be in range 0-2147483647, `99999999999999999999` is not",
            ),
        ] {
            let error = lookup(spec, Some(PASSWD), Some(GROUP)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        assert!(lookup("root", None, None).is_err());
        assert_eq!(lookup("", None, None).unwrap().groups, [0]);
        assert_eq!(user_number("app", Some(PASSWD)), Ok(1000));
        assert_eq!(group_number("staff", Some(GROUP)), Ok(50));
        assert!(group_number("bad", Some(GROUP)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(spec in "[a-z0-9:+-]{0,12}", passwd: Vec<u8>, group in "([a-z,:0-9]{0,9}\n){0,9}") {
            if let Ok(it) = lookup(&spec, Some(&passwd), Some(group.as_bytes())) {
                prop_assert_eq!(it.groups[0], it.gid);
                prop_assert!(it.uid <= MAX && it.gid <= MAX);
            }
        }
    }
}
