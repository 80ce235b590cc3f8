//! A git repository of a test's own, and a server of it on the loopback interface.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// A directory of repositories, served as `git://127.0.0.1:PORT/NAME`.
pub struct Repositories {
    folder: TempDir,
    address: String,
    ended: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Repositories {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("varve-git-").tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (ended, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (their_end, count, path) = (Arc::clone(&ended), Arc::clone(&asked), folder.path().to_path_buf());
        let thread = std::thread::spawn(move || {
            let mut children = Vec::new();
            for stream in listener.incoming() {
                if their_end.load(Ordering::SeqCst) {
                    break;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let stream = stream.unwrap();
                let socket = || Stdio::from(OwnedFd::from(stream.try_clone().unwrap()));
                let mut daemon = clean("git", &path);
                daemon
                    .args(["daemon", "--inetd", "--export-all"])
                    .arg(format!("--base-path={}", path.display()))
                    .stdin(socket())
                    .stdout(socket())
                    .stderr(Stdio::null());
                // The daemon alone holds the connection from now on.
                children.push(daemon.spawn().unwrap());
            }
            for mut child in children {
                let _ = child.kill();
                let _ = child.wait();
            }
        });
        Self {
            folder,
            address,
            ended,
            asked,
            thread: Some(thread),
        }
    }

    /// The address of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("git://{}/{name}", self.address)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How often the server was asked since it was asked the last time.
    pub fn take_asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    /// A new repository with the branch `main`.
    pub fn make(&self, name: &str) -> Repository {
        self.make_in(name, "sha1")
    }

    /// The same with another kind of id.
    pub fn make_in(&self, name: &str, format: &str) -> Repository {
        let path = self.path().join(name);
        fs::create_dir(&path).unwrap();
        let repository = Repository { path };
        let format = format!("--object-format={format}");
        repository.git(&["init", "--quiet", "--initial-branch=main", &format, "."]);
        repository
    }

    /// The repository `r.git` with two commits: `v1` and `side` at the first, `main` at the second.
    pub fn two_commits(&self) -> (Repository, String, String) {
        let repository = self.make("r.git");
        repository.write("sub/deep/c", "deep");
        repository.write("run.sh", "#!/bin/sh\n");
        let path = repository.path().join("run.sh");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        symlink("sub/deep/c", repository.path().join("link")).unwrap();
        let first = repository.commit_file("a", "one");
        repository.git(&["tag", "v1"]);
        repository.git(&["tag", "-m", "annotated", "v1-signed"]);
        repository.git(&["branch", "side"]);
        repository.git(&["update-ref", "refs/pull/7/head", "HEAD"]);
        let second = repository.commit_file("a", "two");
        (repository, first, second)
    }
}

impl Drop for Repositories {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A repository with files.
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Runs git in it; what it says.
    #[track_caller]
    pub fn git(&self, words: &[&str]) -> String {
        let output = clean("git", &self.path).args(words).output().unwrap();
        assert!(
            output.status.success(),
            "git {words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.path.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits everything; the commit's id.
    #[track_caller]
    pub fn commit(&self) -> String {
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "a commit"]);
        self.id("HEAD")
    }

    /// Writes a file and commits.
    #[track_caller]
    pub fn commit_file(&self, path: &str, content: &str) -> String {
        self.write(path, content);
        self.commit()
    }

    #[track_caller]
    pub fn id(&self, name: &str) -> String {
        self.git(&["rev-parse", name])
    }
}

/// When all commits of tests are made.
pub const THEN: u64 = 1_234_567_890;

/// A program without the settings of whoever runs the tests.
fn clean(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).env_clear();
    for name in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{name}_NAME"), "A")
            .env(format!("GIT_{name}_EMAIL"), "a@example.test")
            .env(format!("GIT_{name}_DATE"), format!("{THEN} +0000"));
    }
    command
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_COUNT", "2")
        .env("GIT_CONFIG_KEY_0", "protocol.file.allow")
        .env("GIT_CONFIG_VALUE_0", "always")
        .env("GIT_CONFIG_KEY_1", "safe.directory")
        .env("GIT_CONFIG_VALUE_1", "*");
    command
}
