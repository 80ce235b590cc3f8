//! Runs `git` in a world of its own.

use super::{GitError, Session};
use crate::sandbox::leash;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What git said on its standard output may have so many bytes.
const LARGEST_ANSWER: u64 = 64 << 20;
/// So many of the last bytes of its standard error are kept.
const TAIL: usize = 8 << 10;
/// Lines of it that a message has at most.
const LINES: usize = 3;
/// How often a running git is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// Settings that hold for every call, so that nothing depends on the repository's or anybody's own.
const SETTINGS: [&str; 12] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.logAllRefUpdates=false",
    "core.symlinks=true",
    "core.autocrlf=false",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "advice.detachedHead=false",
    "init.defaultBranch=master",
];

/// A call of git.
pub(super) struct Call<'a> {
    /// What it is for: a verb and what follows it.
    pub(super) action: &'static str,
    pub(super) words: Vec<&'a OsStr>,
    /// The working directory.
    pub(super) directory: &'a Path,
    /// How long it may say nothing; for ever when absent.
    pub(super) patience: Option<Duration>,
    /// Whether a word on standard error is a sign of life, and not only the end.
    pub(super) talks: bool,
}

/// How a call ended.
pub(super) struct Said {
    pub(super) good: bool,
    pub(super) stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Said {
    /// Whether standard error has one of these words.
    pub(super) fn mentions(&self, words: &[&str]) -> bool {
        let text = String::from_utf8_lossy(&self.stderr);
        words.iter().any(|word| text.contains(word))
    }
}

impl Session<'_> {
    /// Runs git; an error when it fails.
    pub(super) fn good(&self, call: &Call<'_>) -> Result<Vec<u8>, GitError> {
        let said = self.call(call)?;
        if said.good {
            return Ok(said.stdout);
        }
        Err(self.failed(call.action, &said))
    }

    /// The failure of a call as an error.
    pub(super) fn failed(&self, action: &'static str, said: &Said) -> GitError {
        let denied = said.mentions(&[
            "could not read Username",
            "Authentication failed",
            "Permission denied",
            "error: 401",
            "error: 403",
            "error: 404",
            "not found",
        ]);
        GitError::Failed {
            action,
            remote: self.source.public_remote(),
            said: self.without_secrets(&in_one_line(&said.stderr)),
            denied,
        }
    }

    /// Runs git and tells how it ended.
    pub(super) fn call(&self, call: &Call<'_>) -> Result<Said, GitError> {
        if self.git.stopped.load(Ordering::SeqCst) {
            return Err(GitError::Stopped);
        }
        let mut command = self.command()?;
        command.args(&call.words).current_dir(call.directory);
        let mut child = command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => GitError::NotInstalled {
                remote: self.source.public_remote(),
            },
            _ => GitError::Start { source },
        })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let heard = AtomicU64::new(0);
        let start = Instant::now();
        let (ended, stdout, stderr) = std::thread::scope(|scope| {
            let stdout = scope.spawn(|| {
                let mut answer = Vec::new();
                if let Some(stdout) = stdout {
                    let _ = stdout.take(LARGEST_ANSWER).read_to_end(&mut answer);
                }
                answer
            });
            let stderr = scope.spawn(|| {
                let count = || heard.store(start.elapsed().as_millis() as u64, Ordering::Relaxed);
                stderr.map(|stderr| tail(stderr, count)).unwrap_or_default()
            });
            let silence = || match call.talks {
                true => start
                    .elapsed()
                    .saturating_sub(Duration::from_millis(heard.load(Ordering::Relaxed))),
                false => start.elapsed(),
            };
            let ended = self.wait(&mut child, call, &silence);
            (
                ended,
                stdout.join().unwrap_or_default(),
                stderr.join().unwrap_or_default(),
            )
        });
        Ok(Said {
            good: ended?,
            stdout,
            stderr,
        })
    }

    /// Waits for the end of git, and ends its helpers with it; whether it ended well.
    fn wait(&self, child: &mut Child, call: &Call<'_>, silence: &dyn Fn() -> Duration) -> Result<bool, GitError> {
        let start = |source| GitError::Start { source };
        let pid = Pid::from_child(child);
        let mut problem = None;
        loop {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            let ended = waitid(WaitId::Pid(pid), options).map_err(|errno| start(errno.into()))?;
            if ended.is_some() || problem.is_some() {
                break;
            }
            if self.git.stopped.load(Ordering::SeqCst) {
                problem = Some(GitError::Stopped);
            } else if let Some(patience) = call.patience.filter(|patience| silence() > *patience) {
                problem = Some(GitError::Silent {
                    action: call.action,
                    remote: self.source.public_remote(),
                    seconds: patience.as_secs(),
                });
            } else {
                std::thread::sleep(PAUSE);
            }
        }
        // It is not waited for yet, so that the group's number is still its own.
        let _ = kill_process_group(pid, Signal::KILL);
        let status = child.wait().map_err(start)?;
        match problem {
            Some(problem) => Err(problem),
            None => Ok(status.success()),
        }
    }

    fn command(&self) -> Result<Command, GitError> {
        let settings = &self.git.settings;
        let mut command = Command::new("git");
        leash(&mut command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_clear()
            .env("PATH", &settings.path)
            .env("HOME", "/dev/null")
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TEMPLATE_DIR", "")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "http:https:ssh:git")
            .env("GIT_SSH_COMMAND", self.ssh())
            .env("SSH_ASKPASS_REQUIRE", "never");
        if let Some(agent) = self.credentials.ssh_agent {
            command.env("SSH_AUTH_SOCK", agent);
        }
        for (name, value) in [
            ("http_proxy", &settings.proxies.http),
            ("https_proxy", &settings.proxies.https),
        ] {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        let local = if settings.proxies.except.is_empty() { "" } else { "," };
        command.env(
            "no_proxy",
            format!("{}{local}localhost,127.0.0.1,::1", settings.proxies.except),
        );
        self.certificates(&mut command)?;
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        if let Some(authorization) = self.credentials.authorization {
            // In the environment, since anybody may read command lines. Whoever is sent on with a header in hand
            // would show it to the next host.
            command.args(["-c", "http.followRedirects=false"]);
            command
                .env("GIT_CONFIG_COUNT", "1")
                .env(
                    "GIT_CONFIG_KEY_0",
                    format!("http.{}.extraheader", scope(&self.source.remote)),
                )
                .env("GIT_CONFIG_VALUE_0", format!("Authorization: {authorization}"));
        }
        Ok(command)
    }

    /// The authorities that git trusts: its own ones, unless others are named.
    fn certificates(&self, command: &mut Command) -> Result<(), GitError> {
        let roots = &self.git.settings.roots;
        if !roots.extra.is_empty() {
            let path = self.scratch.join("authorities.pem");
            if !path.exists() {
                let pem = roots.to_pem().map_err(GitError::Roots)?;
                std::fs::write(&path, pem).map_err(GitError::file("write", &path))?;
            }
            command.env("GIT_SSL_CAINFO", path);
            return Ok(());
        }
        if let Some(file) = &roots.file {
            command.env("GIT_SSL_CAINFO", file);
        }
        if let Some(folder) = &roots.folder {
            command.env("GIT_SSL_CAPATH", folder);
        }
        Ok(())
    }

    /// ssh without the user's settings and keys; those of the agent are offered.
    fn ssh(&self) -> OsString {
        let mut ssh = OsString::from(
            "ssh -F /dev/null -o BatchMode=yes -o IdentityFile=none -o ConnectTimeout=30 -o ServerAliveInterval=15 \
             -o LogLevel=ERROR -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/dev/null",
        );
        if let Some(known) = &self.git.settings.known_hosts {
            ssh.push(" -o GlobalKnownHostsFile='");
            // A name in quotes for the shell, and in quotes for ssh's own reader of options.
            ssh.push(format!("\"{}\"", known.to_string_lossy().replace('\'', "'\\''")));
            ssh.push("'");
        }
        ssh
    }

    fn without_secrets(&self, line: &str) -> String {
        let mut line = line.replace(&self.source.remote, &self.source.public_remote());
        if let Some((user, _)) = user_of(&self.source.remote) {
            line = line.replace(&format!("{user}@"), "");
            if let Some((_, password)) = user.split_once(':').filter(|it| !it.1.is_empty()) {
                line = line.replace(password, "…");
            }
        }
        line
    }
}

/// User, perhaps with password, and the rest of an address over http.
pub(super) fn user_of(remote: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = remote.split_once("://")?;
    if !scheme.starts_with("http") {
        return None;
    }
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    let (user, _) = authority.rsplit_once('@')?;
    Some((user, &rest[user.len() + 1..]))
}

/// Where a header goes: to the remote itself; to all of a host that keeps submodules beside it, as BuildKit has it.
pub(super) fn scope(remote: &str) -> String {
    let shared = ["https://github.com/", "https://www.github.com/"];
    match shared.iter().find(|prefix| remote.starts_with(**prefix)) {
        Some(prefix) => (*prefix).to_owned(),
        None => remote.to_owned(),
    }
}

/// The last bytes of a stream, which is read to its end.
fn tail(mut stream: impl Read, heard: impl Fn()) -> Vec<u8> {
    let mut last = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        heard();
        last.extend_from_slice(&buffer[..count]);
        let surplus = last.len().saturating_sub(TAIL);
        last.drain(..surplus);
    }
    last
}

/// Words of a command line.
pub(super) fn words<'a>(words: &[&'a str]) -> Vec<&'a OsStr> {
    words.iter().map(|word| OsStr::new(*word)).collect()
}

/// What git said last, without progress and control characters.
pub(super) fn in_one_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines = text
        .split(['\n', '\r'])
        .map(|line| line.chars().filter(|it| !it.is_control()).collect::<String>());
    let noise = ["% (", ", done.", "Please make sure", "and the repository exists"];
    let lines: Vec<String> = lines
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty() && !noise.iter().any(|noise| line.contains(noise)))
        .collect();
    // What is wrong stands behind such a word, and in the lines after it.
    let starts = ["fatal:", "error:", "ssh:", "remote:"];
    let ssh = ["Permission denied", "Host key verification failed"];
    let tells = |line: &String| starts.iter().any(|it| line.starts_with(it)) || ssh.iter().any(|it| line.contains(it));
    let first = lines.iter().position(tells);
    let mut told: Vec<&str> = lines[first.unwrap_or(lines.len().saturating_sub(LINES))..]
        .iter()
        .map(|line| line.trim_start_matches("fatal: ").trim_start_matches("error: "))
        .collect();
    told.dedup();
    told.truncate(LINES);
    match told.join("; ") {
        line if line.is_empty() => "git failed and said nothing".to_owned(),
        line => line,
    }
}
