//! OpenSSH's programs: an agent beside a build, and a client inside of one.

use super::{Running, Workbench, peer};
use std::fs;
use std::path::{Path, PathBuf};

/// Whether OpenSSH is there; when not, the test is skipped.
#[track_caller]
pub fn openssh() -> bool {
    ["ssh-agent", "ssh-add", "ssh-keygen"].into_iter().all(peer)
}

impl Workbench {
    /// Makes a key pair in the working directory; returns the private key's path.
    pub fn ssh_key(&self, name: &str, words: &[&str]) -> String {
        let path = self.text(Path::new("work").join(name));
        let mut command = self.command("ssh-keygen");
        command.args(["-q", "-C", name, "-f", &path]).args(words);
        Running::start(command).end().succeeds();
        path
    }

    /// Makes a directory with `ssh-add` and the libraries that it needs, to be copied to `/` of an image.
    pub fn ssh_tools(&self) -> String {
        let folder = self.path("tools");
        if !folder.exists() {
            let program = Path::new("/usr/bin/ssh-add");
            let mut ldd = self.command("ldd");
            ldd.arg(program);
            let listed = Running::start(ldd).end().succeeds().stdout;
            let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
            for path in libraries.map(Path::new).chain([program]) {
                let place = folder.join(path.strip_prefix("/").unwrap());
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                fs::copy(path, place).unwrap();
            }
        }
        format!("tools={}", folder.display())
    }
}

/// An `ssh-agent` that ends with the test.
pub struct Agent {
    running: Option<Running>,
    pub socket: PathBuf,
}

impl Agent {
    /// Starts one that holds a key, as the workbench's user.
    pub fn with(bench: &Workbench, key: &str) -> Self {
        let socket = bench.path("home/agent.sock");
        let mut command = bench.command("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket);
        let running = Running::start(command);
        running.wait_for("the agent listens", || socket.exists());
        let agent = Self {
            running: Some(running),
            socket,
        };
        let mut add = bench.command("ssh-add");
        add.args(["-q", key]).env("SSH_AUTH_SOCK", &agent.socket);
        Running::start(add).end().succeeds();
        agent
    }

    /// The socket as text.
    pub fn path(&self) -> &str {
        self.socket.to_str().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.signal("TERM");
            running.end();
        }
    }
}
