//! Where this machine's control groups are: one hierarchy of the second version, several of the first, or both.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// A mounted hierarchy of control groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    /// The controllers of the first version, or a name such as `name=systemd`; `None` for the second version, in
    /// which every group tells its own.
    pub(super) controllers: Option<Vec<String>>,
    /// Where its root is mounted.
    pub(super) mount_point: PathBuf,
    /// The group of this process; `None` when it is not below the mount point.
    pub(super) own: Option<PathBuf>,
}

/// Reads `/proc/self/mountinfo` and `/proc/self/cgroup`.
pub(super) fn parse(mounts: &str, groups: &str) -> Vec<Hierarchy> {
    let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::parse).collect();
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let controllers: Vec<&str> = controllers.split(',').filter(|it| !it.is_empty()).collect();
        let second = controllers.is_empty();
        let fits = |mount: &&Mount<'_>| {
            mount.second == second && controllers.iter().all(|controller| mount.options.contains(controller))
        };
        // The latest mount at a place hides those before it.
        let Some(mount) = mounts.iter().rev().find(fits) else {
            continue;
        };
        let below = Path::new(path).strip_prefix(&mount.root).ok();
        found.push(Hierarchy {
            controllers: (!second).then(|| controllers.into_iter().map(str::to_owned).collect()),
            own: below
                .filter(|path| !path.components().any(|it| it == std::path::Component::ParentDir))
                .map(|path| mount.mount_point.join(path)),
            mount_point: mount.mount_point.clone(),
        });
    }
    found
}

/// A mount of control groups.
struct Mount<'a> {
    second: bool,
    /// The group that is shown at the mount point.
    root: PathBuf,
    mount_point: PathBuf,
    options: Vec<&'a str>,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, mount_point) = (before.next()?, before.next()?);
        let mut after = after.split(' ');
        let second = match after.next()? {
            "cgroup" => false,
            "cgroup2" => true,
            _ => return None,
        };
        Some(Self {
            second,
            root: unescape(root),
            mount_point: unescape(mount_point),
            options: after.nth(1)?.split(',').collect(),
        })
    }
}

/// Blanks and the like are written as `\040` there.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..3).filter(|_| first == b'\\');
        let code = code.and_then(|it| u8::from_str_radix(std::str::from_utf8(it).ok()?, 8).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_version_alone() {
        let found = parse(
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n25 1 0:5 / /dev rw - tmpfs tmpfs rw\n",
            "0::/user.slice/user-1000.slice/session-2.scope\n",
        );
        let own = "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope";
        assert_eq!(
            found,
            [Hierarchy {
                controllers: None,
                mount_point: "/sys/fs/cgroup".into(),
                own: Some(own.into())
            }]
        );
    }

    #[test]
    fn both_versions_inside_of_a_container() {
        let found = parse(
            "33 31 0:30 /docker/ab /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n\
             34 31 0:31 / /sys/fs/my\\040groups rw - cgroup cgroup rw,xattr,name=systemd\n\
             35 31 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            "3:name=systemd:/x\n2:cpu,cpuacct:/docker/ab/c\n5:pids:/unmounted\n1:cpu,cpuacct:/docker/other\n0::/../out\n",
        );
        let shown: Vec<(String, Option<&str>)> = found
            .iter()
            .map(|it| {
                let controllers = it.controllers.as_ref().map_or("2".to_owned(), |it| it.join("+"));
                (controllers, it.own.as_deref().and_then(Path::to_str))
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("name=systemd".to_owned(), Some("/sys/fs/my groups/x")),
                ("cpu+cpuacct".to_owned(), Some("/sys/fs/cgroup/cpu,cpuacct/c")),
                ("cpu+cpuacct".to_owned(), None),
                ("2".to_owned(), None),
            ]
        );
    }
}
