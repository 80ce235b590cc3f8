//! What a test needs of the machine, and what happens when it is not there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Says why a test does nothing. On CI everything has to be there.
#[track_caller]
pub fn skip(why: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{why}, and on CI nothing may be skipped"
    );
    let thread = std::thread::current();
    eprintln!("skipped: {}: {why}", thread.name().unwrap_or_default());
}

/// Whether another program is there; when not, the test is skipped.
#[track_caller]
pub fn peer(program: &str) -> bool {
    let found = find(program).is_some();
    if !found {
        skip(&format!("`{program}` is not installed"));
    }
    found
}

/// A program of the Python environment that `tests/run.sh` makes; when there is none, the test is skipped.
#[track_caller]
pub fn python_peer(program: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/peers/bin")
        .join(program);
    if !path.is_file() {
        skip(&format!(
            "`{program}` is not in target/peers; tests/run.sh puts it there"
        ));
        return None;
    }
    Some(path)
}

/// The interpreter of the same environment, when it has that module; when not, the test is skipped.
#[track_caller]
pub fn python_module(module: &str) -> Option<PathBuf> {
    let python = python_peer("python3")?;
    let found = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        skip(&format!(
            "Python's `{module}` is not in target/peers; tests/run.sh puts it there"
        ));
    }
    found.then_some(python)
}

/// Whether the tests run as root; when not, the test is skipped.
#[track_caller]
pub fn root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        skip("only root can do this");
    }
    is_root
}

/// Whether a user who is not root can make a user namespace here.
#[track_caller]
pub fn user_namespaces() -> bool {
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if rustix::process::geteuid().is_root() {
        use std::os::unix::process::CommandExt as _;
        command.uid(NOBODY).gid(NOBODY);
    }
    let works = command.status().is_ok_and(|status| status.success());
    if !works {
        skip("users can't make user namespaces on this machine");
    }
    works
}

const NOBODY: u32 = 65_534;

/// The directory that holds a static busybox and nothing else of interest.
pub fn busybox() -> PathBuf {
    let found = find("busybox").expect("`busybox` is needed: install busybox-static");
    let real = std::fs::canonicalize(found).unwrap();
    assert_eq!(real.file_name().unwrap(), "busybox");
    real.parent().unwrap().to_path_buf()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|path| Path::is_file(path))
}
