//! One door to the tests of the whole program: a [`Workbench`] with a store, a home and a context of its own.
//!
//! Nothing here needs a network: the base image `busybox` is made by varve itself from `testdata/example/base`.

mod image;
mod peers;
mod registry;
mod repository;
mod run;
pub mod shelf;
mod ssh;
mod wire;

pub use image::{Image, Kind, Node, untar};
pub use peers::{busybox, peer, python_module, python_peer, root, skip, user_namespaces};
pub use registry::{Guard, Registry};
pub use repository::{Repositories, THEN};
pub use run::{Run, Running};
pub use ssh::{Agent, openssh};
pub use wire::Wire;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The program under test.
pub const VARVE: &str = env!("CARGO_BIN_EXE_varve");

/// A place of its own for one test: everything below one temporary directory, removed at the end.
pub struct Workbench {
    /// `None` only while it is being dropped.
    temporary: Option<TempDir>,
    root: PathBuf,
    base: bool,
    user: Option<(u32, u32)>,
    variables: Vec<(String, String)>,
}

impl Workbench {
    /// A workbench whose builds know the image `busybox`.
    pub fn new() -> Self {
        let mut bench = Self::bare();
        bench.base = true;
        bench
    }

    /// A workbench without any image.
    pub fn bare() -> Self {
        let temporary = tempfile::Builder::new().prefix("varve-story-").tempdir().unwrap();
        // Other users' programs are shown the way in.
        fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = temporary.path().to_path_buf();
        for directory in ["context", "home", "work"] {
            fs::create_dir(root.join(directory)).unwrap();
        }
        Self {
            temporary: Some(temporary),
            root,
            base: false,
            user: None,
            variables: Vec::new(),
        }
    }

    /// With a Dockerfile in the context.
    pub fn with(dockerfile: &str) -> Self {
        let bench = Self::new();
        bench.file("Dockerfile", dockerfile);
        bench
    }

    /// The same directories in the hands of another user.
    pub fn owned_by(mut self, uid: u32, gid: u32) -> Self {
        self.user = Some((uid, gid));
        for entry in [
            self.root.clone(),
            self.root.join("context"),
            self.root.join("home"),
            self.root.join("work"),
        ] {
            std::os::unix::fs::chown(entry, Some(uid), Some(gid)).unwrap();
        }
        self
    }

    /// Every program started from here gets this variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path below the workbench.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// The same as text, for arguments.
    pub fn text(&self, path: impl AsRef<Path>) -> String {
        self.path(path).into_os_string().into_string().unwrap()
    }

    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    pub fn context(&self) -> PathBuf {
        self.path("context")
    }

    /// Writes a file of the context; its directories are made.
    pub fn file(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.context().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Makes a symbolic link in the context.
    pub fn link(&self, path: &str, target: &str) {
        let path = self.context().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    pub fn dockerfile(&self, text: &str) -> PathBuf {
        self.file("Dockerfile", text)
    }

    /// A program in the workbench's own world.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.path("home"))
            .env("VARVE_ROOT", self.store())
            .current_dir(self.path("work"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// `varve WORDS`
    pub fn varve<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Run {
        Running::start(self.varve_command(words)).end()
    }

    /// `varve WORDS`, to be started by the caller.
    pub fn varve_command<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.command(self.program());
        command.args(words);
        command
    }

    /// The program where the workbench's user can reach it.
    fn program(&self) -> PathBuf {
        if self.user.is_none() {
            return PathBuf::from(VARVE);
        }
        let copy = self.path("varve");
        if !copy.exists() {
            // By another process: a descriptor of ours that may write to it would live on in whatever another test
            // starts meanwhile, and the system runs no file that can be written to.
            let status = Command::new("cp").arg(VARVE).arg(&copy).status();
            assert!(status.is_ok_and(|status| status.success()), "{}", copy.display());
        }
        copy
    }

    /// `varve build WORDS CONTEXT`, which may fail.
    pub fn try_build(&self, words: &[&str]) -> Run {
        Running::start(self.build_command(words)).end()
    }

    /// `varve build WORDS CONTEXT`, which succeeds.
    #[track_caller]
    pub fn build(&self, words: &[&str]) -> Run {
        self.try_build(words).succeeds()
    }

    /// `varve build WORDS CONTEXT`, to be started by the caller. Words of the test that end with `-` or a directory
    /// are for the caller of [`Workbench::varve`].
    pub fn build_command(&self, words: &[&str]) -> Command {
        let context = self.text("context");
        let mut all = vec!["build".to_owned(), "--progress=plain".to_owned()];
        if self.base {
            all.push(format!("--build-context=busybox=oci-layout://{}", base().display()));
        }
        all.extend(words.iter().map(|&word| word.to_owned()));
        all.push(context);
        self.varve_command(all)
    }

    /// `varve build WORDS -` with standard input.
    pub fn build_from(&self, words: &[&str], stdin: &[u8]) -> Run {
        let mut all = vec!["build".to_owned(), "--progress=plain".to_owned()];
        if self.base {
            all.push(format!("--build-context=busybox=oci-layout://{}", base().display()));
        }
        all.extend(words.iter().map(|&word| word.to_owned()));
        let mut command = self.varve_command(all);
        command.stdin(Stdio::piped());
        Running::start(command).feed(stdin.to_vec()).end()
    }

    /// Builds the context and reads the image back from an OCI tar.
    #[track_caller]
    pub fn image(&self, words: &[&str]) -> Image {
        self.image_and_run(words).0
    }

    /// The same, with what the build said.
    #[track_caller]
    pub fn image_and_run(&self, words: &[&str]) -> (Image, Run) {
        let tar = self.text("work/image.tar");
        let output = format!("type=oci,compression=uncompressed,dest={tar}");
        let mut all = vec!["-o", &output];
        all.extend_from_slice(words);
        let run = self.build(&all);
        (Image::of_tar(&fs::read(&tar).unwrap()), run)
    }

    /// Builds a Dockerfile and reads the image back.
    #[track_caller]
    pub fn image_of(&self, dockerfile: &str) -> Image {
        self.dockerfile(dockerfile);
        self.image(&[])
    }

    /// Whether a needle is in any file or name below a directory of the workbench.
    pub fn holds(&self, directory: impl AsRef<Path>, needle: &[u8]) -> Option<PathBuf> {
        let finder = |haystack: &[u8]| haystack.windows(needle.len()).any(|window| window == needle);
        walkdir::WalkDir::new(self.path(directory))
            .into_iter()
            .filter_map(Result::ok)
            .find_map(|entry| {
                use std::os::unix::ffi::OsStrExt as _;
                let found = finder(entry.path().as_os_str().as_bytes())
                    || entry.file_type().is_file() && fs::read(entry.path()).is_ok_and(|content| finder(&content));
                found.then(|| entry.into_path())
            })
    }

    /// The same store still builds a good Dockerfile.
    #[track_caller]
    pub fn still_builds(&self) {
        let other = self.path("good");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("Dockerfile"), "FROM busybox\nRUN echo good > /good\n").unwrap();
        let base = format!("--build-context=busybox=oci-layout://{}", base().display());
        self.varve(["build", "--progress=plain", &base, other.to_str().unwrap()])
            .succeeds();
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        let Some(temporary) = self.temporary.take() else { return };
        let path = temporary.keep();
        if std::env::var_os("KEEP").is_some() {
            eprintln!("kept: {}", path.display());
            return;
        }
        remove(&path);
        assert!(
            std::thread::panicking() || !path.exists(),
            "`{}` can't be removed",
            path.display()
        );
    }
}

/// Removes a directory, whoever owns what is in it.
pub fn remove(path: &Path) {
    if fs::remove_dir_all(path).is_err() {
        // Files of subordinate ids go the way they came.
        let _ = Command::new("unshare")
            .args(["--user", "--map-root-user", "--map-auto", "rm", "-rf"])
            .arg(path)
            .stderr(Stdio::null())
            .status();
    }
}

/// The base image as an OCI layout in a tar, made once for all tests of one process.
pub fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let bench = Workbench::bare();
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("base.tar");
        let own = bench.path("base.tar");
        bench
            .varve([
                "build",
                "--progress=plain",
                &format!("--build-context=host={}", busybox().display()),
                "-o",
                &format!("type=oci,dest={}", own.display()),
                concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/example/base"),
            ])
            .succeeds();
        // Another process of the same tests may be reading an earlier one.
        let neighbour = place.with_extension(std::process::id().to_string());
        fs::copy(&own, &neighbour).unwrap();
        fs::rename(&neighbour, &place).unwrap();
        place
    })
}
