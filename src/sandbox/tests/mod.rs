//! Real sandboxes around busybox. They need root, here or in a user namespace.

mod cost;
mod inside;
mod layers;
mod lives;
mod rootless;
mod setups;

use super::*;
use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// A root file system with busybox in it, and directories around it.
pub(super) struct World {
    pub(super) dir: tempfile::TempDir,
}

/// What a command left.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: ExitStatus,
    pub(super) output: String,
}

impl World {
    /// `None`, with the reason printed, where sandboxes cannot be tested; in CI that is a failure.
    pub(super) fn new() -> Option<Self> {
        let missing = if !rustix::process::geteuid().is_root() {
            "root"
        } else if !Path::new("/bin/busybox").exists() {
            "a static /bin/busybox"
        } else {
            return Some(Self::build());
        };
        assert!(std::env::var_os("CI").is_none(), "these tests need {missing}");
        eprintln!("skipped: this test needs {missing}");
        None
    }

    fn build() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = Self { dir };
        let lower = world.path("lower");
        for name in [
            "lower",
            "lower/bin",
            "lower/etc",
            "lower/proc",
            "lower/sys",
            "lower/dev",
            "lower/root",
        ] {
            fs::create_dir(world.path(name)).unwrap();
        }
        fs::create_dir(world.path("lower/tmp")).unwrap();
        fs::copy("/bin/busybox", lower.join("bin/busybox")).unwrap();
        for applet in [
            "sh", "cat", "ls", "id", "true", "sleep", "mount", "touch", "mkdir", "stat", "env", "chroot",
        ] {
            symlink("busybox", lower.join("bin").join(applet)).unwrap();
        }
        fs::write(lower.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An overlay over `lower` with a new upper directory `name`.
    pub(super) fn overlay(&self, name: &str) -> Overlay {
        let make = |part: &str| {
            let path = self.path(&format!("{name}-{part}"));
            fs::create_dir(&path).unwrap();
            path
        };
        Overlay {
            lowers: vec![self.path("lower")],
            upper: Some(Upper {
                directory: make("upper"),
                work: make("work"),
            }),
            userxattr: !may_trust(self.dir.path()),
            devices: false,
        }
    }

    pub(super) fn setup_on(&self, name: &str, overlay: Overlay) -> Setup {
        let scratch = self.path(&format!("{name}-scratch"));
        fs::create_dir(&scratch).unwrap();
        Setup::new(Root::Overlay(overlay), scratch)
            .container(SHM_SIZE, false)
            .hostname("box")
    }

    pub(super) fn setup(&self, name: &str) -> Setup {
        let overlay = self.overlay(name);
        self.setup_on(name, overlay)
    }

    /// What is in an upper directory, sorted.
    pub(super) fn upper(&self, name: &str) -> Vec<String> {
        let upper = self.path(&format!("{name}-upper"));
        let mut found = Vec::new();
        for entry in walkdir::WalkDir::new(&upper).min_depth(1) {
            let entry = entry.unwrap();
            found.push(entry.path().strip_prefix(&upper).unwrap().display().to_string());
        }
        found.sort();
        found
    }
}

/// Whether `trusted.*` attributes can be set here.
fn may_trust(dir: &Path) -> bool {
    let probe = dir.join(format!("probe-{:?}", std::thread::current().id()));
    fs::write(&probe, "").unwrap();
    let set = rustix::fs::lsetxattr(&probe, "trusted.varve", b"y", rustix::fs::XattrFlags::empty());
    fs::remove_file(&probe).unwrap();
    set.is_ok()
}

pub(super) fn shell(script: &str) -> Command {
    Command::new(["/bin/sh", "-c", script]).env("PATH", "/bin")
}

/// Runs a command and collects its output.
pub(super) fn run(setup: &Setup, command: Command) -> Outcome {
    try_run(setup, command).unwrap()
}

pub(super) fn try_run(setup: &Setup, command: Command) -> Result<Outcome, SandboxError> {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let command = command.output(writer);
    let mut child = setup.spawn(&command)?;
    drop(command);
    let mut output = String::new();
    reader.read_to_string(&mut output).unwrap();
    let status = child.wait()?;
    Ok(Outcome { status, output })
}
