//! A control group of its own for a command, and what it limits there.

use super::error::SandboxError;
use super::hierarchy::{self, Hierarchy};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// A control group that is made for a command and removed after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControlGroup {
    /// The group that it is made in, as a path from the root of each hierarchy. What is missing of it is made, and stays.
    /// Absent, it is the group of this process, and only hierarchies that limit something are joined.
    pub parent: Option<PathBuf>,
    /// What is limited.
    pub limits: GroupLimits,
}

/// Limits of a control group; what is absent is as in the group above.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupLimits {
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Memory and swap together in bytes, `u64::MAX` for as much swap as there is; needs [`GroupLimits::memory`].
    pub memory_swap: Option<u64>,
    /// Share of the processors' time where several groups want it, relative to 1024.
    pub cpu_shares: Option<u64>,
    /// Length of a period in microseconds; 100,000 when only the quota is given.
    pub cpu_period: Option<u64>,
    /// Microseconds of processor time in each period, on all processors together.
    pub cpu_quota: Option<u64>,
    /// The processors that may be used, such as `0-2,5`.
    pub cpuset_cpus: Option<String>,
    /// The memory nodes that may be used, in the same form.
    pub cpuset_mems: Option<String>,
}

impl ControlGroup {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One value that is written: the controller, the file and the text.
type Setting = (&'static str, &'static str, String);

impl GroupLimits {
    /// The settings in the first version of control groups, in the order of writing.
    fn first_version(&self) -> Vec<Setting> {
        let mut all = self.cpuset();
        let mut add = |controller, file, value: Option<String>| {
            all.extend(value.map(|value| (controller, file, value)));
        };
        let bytes = |bytes: u64| {
            if bytes == u64::MAX {
                "-1".to_owned()
            } else {
                bytes.to_string()
            }
        };
        add("memory", "memory.limit_in_bytes", self.memory.map(bytes));
        add("memory", "memory.memsw.limit_in_bytes", self.memory_swap.map(bytes));
        add("cpu", "cpu.shares", self.cpu_shares.map(|it| it.to_string()));
        add("cpu", "cpu.cfs_period_us", self.cpu_period.map(|it| it.to_string()));
        add("cpu", "cpu.cfs_quota_us", self.cpu_quota.map(|it| it.to_string()));
        all
    }

    /// The settings in the second version.
    fn second_version(&self) -> Vec<Setting> {
        let mut all = self.cpuset();
        if let Some(memory) = self.memory {
            all.push(("memory", "memory.max", memory.to_string()));
        }
        if let Some(both) = self.memory_swap {
            let swap = match both {
                u64::MAX => "max".to_owned(),
                both => both.saturating_sub(self.memory.unwrap_or_default()).to_string(),
            };
            all.push(("memory", "memory.swap.max", swap));
        }
        if let Some(shares) = self.cpu_shares {
            all.push(("cpu", "cpu.weight", weight(shares).to_string()));
        }
        if self.cpu_quota.is_some() || self.cpu_period.is_some() {
            let quota = self.cpu_quota.map_or("max".to_owned(), |it| it.to_string());
            let period = self.cpu_period.unwrap_or(100_000);
            all.push(("cpu", "cpu.max", format!("{quota} {period}")));
        }
        all
    }

    fn cpuset(&self) -> Vec<Setting> {
        let cpus = self.cpuset_cpus.clone().map(|it| ("cpuset", "cpuset.cpus", it));
        let mems = self.cpuset_mems.clone().map(|it| ("cpuset", "cpuset.mems", it));
        cpus.into_iter().chain(mems).collect()
    }
}

/// Shares (2 to 262,144, usually 1024) as a weight (1 to 10,000, usually 100), the usual one as the usual one; runc
/// and crun do the same.
fn weight(shares: u64) -> u64 {
    let log = (shares.clamp(2, 262_144) as f64).log2();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    (10_f64.powf(exponent).ceil() as u64).clamp(1, 10_000)
}

/// The groups that were made for one command, one for each hierarchy. Dropping it removes them; nobody may be in them.
#[derive(Debug, Default)]
pub(super) struct Groups(Vec<Made>);

#[derive(Debug)]
struct Made {
    directory: PathBuf,
    /// Whoever writes 0 there joins.
    members: OwnedFd,
}

impl Groups {
    /// Makes the groups on this machine.
    pub(super) fn make(wanted: &ControlGroup) -> Result<Self, SandboxError> {
        if wanted.is_default() {
            return Ok(Self::default());
        }
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let hierarchies = hierarchy::parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        let mut groups = Self::default();
        let name = format!("varve-{:016x}", RandomState::new().build_hasher().finish());
        let first = wanted.limits.first_version();
        let second = wanted.limits.second_version();
        let mut missing: BTreeSet<&str> = first.iter().map(|(controller, ..)| *controller).collect();
        for hierarchy in hierarchies.iter().filter(|it| it.controllers.is_some()) {
            groups.add(hierarchy, wanted, &name, &first, &mut missing)?;
        }
        for hierarchy in hierarchies.iter().filter(|it| it.controllers.is_none()) {
            groups.add(hierarchy, wanted, &name, &second, &mut missing)?;
        }
        match missing.first() {
            Some(controller) => Err(SandboxError::NoController {
                controller: (*controller).to_owned(),
            }),
            None if groups.0.is_empty() => Err(SandboxError::NoController {
                controller: "any".to_owned(),
            }),
            None => Ok(groups),
        }
    }

    /// Makes the group in one hierarchy, if it has to be there, and takes what it limits from `missing`.
    fn add(
        &mut self,
        hierarchy: &Hierarchy,
        wanted: &ControlGroup,
        name: &str,
        settings: &[Setting],
        missing: &mut BTreeSet<&str>,
    ) -> Result<(), SandboxError> {
        let is_here = |controller: &str| match &hierarchy.controllers {
            Some(all) => all.iter().any(|it| it == controller),
            None => true,
        };
        let mine: Vec<&str> = missing.iter().copied().filter(|it| is_here(it)).collect();
        if mine.is_empty() && wanted.parent.is_none() {
            return Ok(());
        }
        let parent = match (&wanted.parent, &hierarchy.own) {
            (Some(parent), _) => Self::parent(hierarchy, parent)?,
            (None, Some(own)) => own_group(own),
            (None, None) => return Ok(()),
        };
        if hierarchy.controllers.is_none() && !mine.is_empty() {
            enable(&parent, &hierarchy.mount_point, &mine, wanted.parent.is_none())?;
        }
        let directory = parent.join(name);
        make_directory(&directory)?;
        // From here on it is removed again, whatever fails.
        let members = rustix::fs::open(directory.join(MEMBERS), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        match members {
            Ok(members) => self.0.push(Made {
                directory: directory.clone(),
                members,
            }),
            Err(errno) => {
                let _ = fs::remove_dir(&directory);
                return Err(failed("open the control group", &directory)(errno.into()));
            }
        }
        inherit_sets(hierarchy, &directory)?;
        for (_, file, value) in settings.iter().filter(|(controller, ..)| mine.contains(controller)) {
            let path = directory.join(file);
            fs::write(&path, value).map_err(failed("set a limit of the command in", &path))?;
        }
        missing.retain(|controller| !mine.contains(controller));
        Ok(())
    }

    /// The group that was asked for, with what was missing of it.
    fn parent(hierarchy: &Hierarchy, path: &Path) -> Result<PathBuf, SandboxError> {
        let mut directory = hierarchy.mount_point.clone();
        for part in path.components() {
            match part {
                Component::Normal(name) => directory.push(name),
                Component::RootDir | Component::CurDir => continue,
                Component::ParentDir | Component::Prefix(_) => {
                    return Err(SandboxError::Invalid {
                        what: "not the path of a control group",
                        value: path.display().to_string(),
                    });
                }
            }
            if !directory.is_dir() {
                make_directory(&directory)?;
            }
            inherit_sets(hierarchy, &directory)?;
        }
        Ok(directory)
    }

    /// Descriptors to which the command writes `0` in order to join.
    pub(super) fn members(&self) -> Vec<RawFd> {
        self.0.iter().map(|it| it.members.as_raw_fd()).collect()
    }

    /// Whether the kernel killed something in them for want of memory.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        let killed = |file: &Path| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
            count.is_some_and(|count| count.trim() != "0")
        };
        self.0.iter().any(|it| {
            ["memory.events", "memory.oom_control"]
                .iter()
                .any(|file| killed(&it.directory.join(file)))
        })
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for made in &self.0 {
            // The kernel needs a moment to take the last process out.
            for _ in 0..100 {
                match fs::remove_dir(&made.directory) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    _ => break,
                }
            }
        }
    }
}

/// The file with the processes of a group.
const MEMBERS: &str = "cgroup.procs";

fn failed(attempt: &'static str, path: &Path) -> impl Fn(io::Error) -> SandboxError {
    let path = path.to_path_buf();
    move |source| SandboxError::Group {
        attempt,
        path: path.clone(),
        source,
    }
}

fn make_directory(path: &Path) -> Result<(), SandboxError> {
    match fs::create_dir(path) {
        // Another step was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(failed("make the control group", path)),
    }
}

/// Gives a group of the first version that has none the processors and memory nodes of the one above, without which
/// nobody can join it.
fn inherit_sets(hierarchy: &Hierarchy, directory: &Path) -> Result<(), SandboxError> {
    let is_cpuset = hierarchy
        .controllers
        .as_ref()
        .is_some_and(|all| all.iter().any(|it| it == "cpuset"));
    let Some(parent) = directory.parent().filter(|_| is_cpuset) else {
        return Ok(());
    };
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let read = |path: &Path| fs::read_to_string(path).map_err(failed("read", path));
        let path = directory.join(file);
        if read(&path)?.trim().is_empty() {
            let value = read(&parent.join(file))?;
            fs::write(&path, value.trim()).map_err(failed("set a limit of the command in", &path))?;
        }
    }
    Ok(())
}

/// The group of this process, or the one above when this process made room for others by [`step_aside`].
fn own_group(own: &Path) -> PathBuf {
    match own.parent() {
        Some(above) if own.file_name() == Some(aside().as_ref()) => above.to_path_buf(),
        _ => own.to_path_buf(),
    }
}

fn aside() -> String {
    format!("varve-{}", std::process::id())
}

/// Switches controllers on for the groups below `directory`, and above it where that is needed.
fn enable(directory: &Path, root: &Path, controllers: &[&str], is_own: bool) -> Result<(), SandboxError> {
    let list = |file: &str| -> Result<Vec<String>, SandboxError> {
        let path = directory.join(file);
        let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    };
    let lacks = |there: &[String]| -> Vec<&str> {
        let is_there = |controller: &&&str| !there.iter().any(|it| it == **controller);
        controllers.iter().filter(is_there).copied().collect()
    };
    let unavailable = lacks(&list("cgroup.controllers")?);
    if let Some(controller) = unavailable.first() {
        match directory.parent().filter(|_| directory != root && !is_own) {
            Some(above) => enable(above, root, &unavailable, false)?,
            None => {
                return Err(SandboxError::NoController {
                    controller: (*controller).to_owned(),
                });
            }
        }
    }
    let off = lacks(&list("cgroup.subtree_control")?);
    if off.is_empty() {
        return Ok(());
    }
    let path = directory.join("cgroup.subtree_control");
    let text: Vec<String> = off.iter().map(|controller| format!("+{controller}")).collect();
    let switch = || fs::write(&path, text.join(" "));
    let mut done = switch();
    // A group whose groups have limits has no members of its own.
    if is_own
        && done
            .as_ref()
            .is_err_and(|error| Errno::from_io_error(error) == Some(Errno::BUSY))
    {
        step_aside(directory)?;
        done = switch();
    }
    done.map_err(failed("switch on limits in", &path))
}

/// Moves this process into a group of its own below its group, if it is alone there.
fn step_aside(group: &Path) -> Result<(), SandboxError> {
    let members = group.join(MEMBERS);
    let text = fs::read_to_string(&members).map_err(failed("read", &members))?;
    let own = std::process::id().to_string();
    if text.lines().any(|line| line != own) {
        return Err(failed("switch on limits in", group)(Errno::BUSY.into()));
    }
    let leaf = group.join(aside());
    make_directory(&leaf)?;
    fs::write(leaf.join(MEMBERS), own).map_err(failed("join the control group", &leaf))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> GroupLimits {
        GroupLimits {
            memory: Some(100),
            memory_swap: Some(150),
            cpu_shares: Some(1024),
            cpu_period: Some(50_000),
            cpu_quota: Some(25_000),
            cpuset_cpus: Some("0-1".to_owned()),
            cpuset_mems: Some("0".to_owned()),
        }
    }

    #[test]
    fn settings_of_both_versions() {
        let show = |settings: Vec<Setting>| -> Vec<String> {
            settings
                .into_iter()
                .map(|(_, file, value)| format!("{file}={value}"))
                .collect()
        };
        assert_eq!(
            show(all().first_version()),
            [
                "cpuset.cpus=0-1",
                "cpuset.mems=0",
                "memory.limit_in_bytes=100",
                "memory.memsw.limit_in_bytes=150",
                "cpu.shares=1024",
                "cpu.cfs_period_us=50000",
                "cpu.cfs_quota_us=25000"
            ]
        );
        assert_eq!(
            show(all().second_version()),
            [
                "cpuset.cpus=0-1",
                "cpuset.mems=0",
                "memory.max=100",
                "memory.swap.max=50",
                "cpu.weight=100",
                "cpu.max=25000 50000"
            ]
        );
        let few = GroupLimits {
            memory: Some(1),
            memory_swap: Some(u64::MAX),
            cpu_quota: Some(7000),
            ..GroupLimits::default()
        };
        assert_eq!(
            show(few.second_version()),
            ["memory.max=1", "memory.swap.max=max", "cpu.max=7000 100000"]
        );
        assert_eq!(show(few.first_version())[1], "memory.memsw.limit_in_bytes=-1");
        assert_eq!([0, 2, 1024, 262_144, u64::MAX].map(weight), [1, 1, 100, 10_000, 10_000]);
    }

    /// Files in the place of a hierarchy of the second version: what is written there can be read back.
    #[test]
    fn controllers_are_switched_on_from_above() {
        let root = tempfile::tempdir().unwrap();
        let (above, below) = (root.path().join("a"), root.path().join("a/b"));
        fs::create_dir_all(&below).unwrap();
        let put = |folder: &Path, here: &str, passed_on: &str| {
            fs::write(folder.join("cgroup.controllers"), here).unwrap();
            fs::write(folder.join("cgroup.subtree_control"), passed_on).unwrap();
        };
        put(root.path(), "cpu memory pids", "cpu pids");
        put(&above, "cpu pids", "cpu");
        put(&below, "cpu", "");
        enable(&below, root.path(), &["cpu", "memory"], false).unwrap();
        let switched = |folder: &Path| fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap();
        assert_eq!(
            [root.path(), &above, &below].map(switched),
            ["+memory", "+memory", "+cpu +memory"]
        );
        let error = enable(&below, root.path(), &["io"], false).unwrap_err();
        assert!(matches!(error, SandboxError::NoController { .. }), "{error}");
        // What is above the own group belongs to others.
        let error = enable(&below, root.path(), &["pids"], true).unwrap_err();
        assert!(matches!(error, SandboxError::NoController { .. }), "{error}");
    }
}
