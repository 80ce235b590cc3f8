//! What a step may use: control groups, `--resource`, `--cgroup-parent`.

use crate::support::{Running, Workbench, root, skip};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A group at the top of every hierarchy of this machine, for one test.
struct Group(String);

impl Group {
    /// `None`, and the test is skipped, where the memory of a group can't be limited.
    fn new(name: &str) -> Option<Self> {
        if !root() {
            return None;
        }
        let group = Self(format!("/varve-{name}-{}", std::process::id()));
        let has_memory = hierarchies().iter().any(|it| {
            it.join("memory.limit_in_bytes").exists()
                || fs::read_to_string(it.join("cgroup.controllers")).is_ok_and(|text| text.contains("memory"))
        });
        if !has_memory {
            skip("no control group of this machine limits memory");
            return None;
        }
        Some(group)
    }

    fn folders(&self) -> Vec<PathBuf> {
        let below = hierarchies()
            .into_iter()
            .map(|it| it.join(self.0.trim_start_matches('/')));
        below.filter(|it| it.exists()).collect()
    }

    /// What is written in files of a name in the groups that were made in it.
    fn values(&self, file: &str) -> Vec<String> {
        let groups = self
            .folders()
            .into_iter()
            .flat_map(|it| fs::read_dir(it).unwrap().flatten());
        groups
            .filter_map(|it| fs::read_to_string(it.path().join(file)).ok())
            .map(|it| it.trim().to_owned())
            .collect()
    }

    /// The groups that were made in it and are still there.
    fn left(&self) -> Vec<PathBuf> {
        let all = self
            .folders()
            .into_iter()
            .flat_map(|it| fs::read_dir(it).unwrap().flatten());
        all.map(|it| it.path()).filter(|it| it.is_dir()).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in self.folders() {
            for below in fs::read_dir(&folder).unwrap().flatten().filter(|it| it.path().is_dir()) {
                let _ = fs::remove_dir(below.path());
            }
            let _ = fs::remove_dir(folder);
        }
    }
}

fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let place = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        matches!(words[2], "cgroup" | "cgroup2").then(|| PathBuf::from(words[1]))
    };
    mounts.lines().filter_map(place).collect()
}

const HUNGRY: &str = "dd if=/dev/zero of=/dev/null bs=64M count=1";

#[test]
fn memory_is_limited_and_what_hit_it_is_said() {
    let Some(group) = Group::new("memory") else { return };
    let bench = Workbench::with(&format!("FROM busybox\nRUN {HUNGRY}\n"));
    let parent = ["--cgroup-parent", &group.0];
    bench
        .try_build(&[&parent[..], &["--resource", "memory=16m"]].concat())
        .fails(1)
        .says(["limit of memory", "Dockerfile:2"]);
    assert_eq!(group.left(), Vec::<PathBuf>::new());
    bench.try_build(&[&parent[..], &["-m", "16m"]].concat()).fails(1);
    bench.build(&[&parent[..], &["--resource", "memory=512m"]].concat());
    // Limits are no part of the key; the parent is, as in BuildKit.
    bench
        .build(&[&parent[..], &["--resource", "memory=256m"]].concat())
        .all_reused();
    bench.build(&[]).only_built(&["RUN"]);
    assert_eq!(group.left(), Vec::<PathBuf>::new());
}

#[test]
fn every_limit_reaches_the_group() {
    let Some(group) = Group::new("all") else { return };
    let bench = Workbench::with("FROM busybox\nRUN grep Cpus_allowed_list /proc/self/status; echo began; sleep 100\n");
    let build = Running::start(bench.build_command(&[
        "--cgroup-parent",
        &group.0,
        "--resource=memory=64m",
        "--resource=cpu-shares=512",
        "--cpu-shares=9",
        "--resource=cpu-period=50000",
        "--resource=cpu-quota=20000",
        "--resource=cpuset-cpus=0",
        "--cpuset-mems=0",
    ]));
    build.until("| began");
    build.until("Cpus_allowed_list:\t0\n");
    let has = |first: &[(&str, &str)], second: &[(&str, &str)]| {
        let all = |table: &[(&str, &str)]| {
            table
                .iter()
                .all(|(file, value)| group.values(file).iter().any(|it| it == value))
        };
        assert!(all(first) || all(second), "{first:?} {second:?}");
    };
    has(&[("memory.limit_in_bytes", "67108864")], &[("memory.max", "67108864")]);
    has(&[("cpu.shares", "512")], &[("cpu.weight", "59")]);
    has(
        &[("cpu.cfs_quota_us", "20000"), ("cpu.cfs_period_us", "50000")],
        &[("cpu.max", "20000 50000")],
    );
    assert!(group.values("cpuset.mems").contains(&"0".to_owned()));
    build.signal("INT");
    build.end().fails(130);
    assert_eq!(group.left(), Vec::<PathBuf>::new());
    bench.still_builds();
}

#[test]
fn without_a_parent_the_group_is_below_that_of_the_program() {
    let Some(group) = Group::new("own") else { return };
    let Some(memory) = hierarchies()
        .into_iter()
        .find(|it| it.join("memory.limit_in_bytes").exists())
    else {
        // Of the second version only a delegated group would do, and here is none.
        return skip("memory is not limited by the first version of control groups here");
    };
    let own = memory.join(group.0.trim_start_matches('/'));
    fs::create_dir(&own).unwrap();
    let bench = Workbench::with(&format!("FROM busybox\nRUN {HUNGRY}\n"));
    let build = bench.build_command(&["--resource", "memory=16m"]);
    let mut command = Command::new("sh");
    command
        .args(["-c", "echo $$ > \"$0/cgroup.procs\"; exec \"$@\""])
        .arg(&own)
        .arg(build.get_program());
    command
        .args(build.get_args())
        .env_clear()
        .current_dir(bench.path("work"));
    command.envs(build.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    Running::start(command).end().fails(1).says(["limit of memory"]);
    assert_eq!(group.left(), Vec::<PathBuf>::new());
}

#[test]
fn what_can_not_be_limited_is_said() {
    if !root() {
        return;
    }
    let bench = Workbench::with("FROM busybox\nRUN true\n").owned_by(1_234_567, 1_234_567);
    for words in [&["--resource", "memory=64m"][..], &["--cgroup-parent", "/varve-nobody"]] {
        bench
            .try_build(words)
            .fails(1)
            .says(["control group", "Delegate=yes", "Dockerfile:2"]);
    }
    assert!(hierarchies().iter().all(|it| !Path::exists(&it.join("varve-nobody"))));
    for path in ["/../x", "a/../../x"] {
        let bench = Workbench::with("FROM busybox\nRUN true\n");
        bench
            .try_build(&["--cgroup-parent", path])
            .fails(1)
            .says(["control group", path]);
    }
}

#[test]
fn limits_that_make_no_sense() {
    let bench = Workbench::with("FROM busybox\n");
    let table: [(&[&str], &str); 12] = [
        (&["--resource=memory"], "KEY=VALUE"),
        (&["--resource=memory=x"], "memory=x"),
        (&["--resource=disk=1"], "cpuset-mems"),
        (&["--resource=memory-swap=1g"], "memory too"),
        (&["--memory=2g", "--memory-swap=1g"], "below"),
        (&["--resource=cpu-shares=1"], "262144"),
        (&["--cpu-period=10"], "1000"),
        (&["--cpu-quota=x"], "1000"),
        (&["--resource=cpuset-cpus=a"], "0-2,5"),
        (&["--cpuset-mems=1-"], "0-2,5"),
        (&["--ulimit=files=1"], "files"),
        (&["--ulimit=nofile=2:1"], "above"),
    ];
    for (words, text) in table {
        bench.try_build(words).fails(2).says([text]);
    }
    // Zero and nothing are no limit.
    bench.build(&[
        "--memory=0",
        "--cpuset-cpus=",
        "--cpu-quota=-1",
        "--shm-size=0",
        "--cgroup-parent=",
    ]);
}
