//! Becoming root where we are not: a user namespace for the rest of this process' life.

use super::error::SandboxError;
use super::idmap;
use super::sys::{self, Forked};
use std::fmt;
use std::fs;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// As whom this process goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Which owners files can have from now on.
    pub ownership: Ownership,
    /// The user who started the process, by the numbers outside.
    pub original_uid: u32,
    /// The user's group.
    pub original_gid: u32,
}

/// Which owners files can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// All: this process is root of the machine.
    Machine,
    /// Those of a map with many numbers, of which root is the user.
    Mapped,
    /// One: every file belongs to root, who is the user.
    Single(WhySingle),
}

/// Why there is a single owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhySingle {
    /// `/etc/subuid` or `/etc/subgid` has nothing for the user.
    NoRanges(PathBuf),
    /// A program that applies the ranges is missing.
    NoProgram(&'static str),
    /// That program refused.
    Refused(
        /// What it said.
        String,
    ),
    /// Somebody else made the user namespace.
    Inherited,
}

impl fmt::Display for WhySingle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRanges(path) => write!(f, "`{}` grants this user no ids", path.display()),
            Self::NoProgram(name) => write!(f, "`{name}` is not installed (package `uidmap` or `shadow-utils`)"),
            Self::Refused(message) => write!(f, "{message}"),
            Self::Inherited => f.write_str("this process was started in a user namespace with few ids"),
        }
    }
}

/// Fewer numbers than this cannot hold the users of an ordinary image, whose `nobody` is 65534.
const ENOUGH: u64 = 65_535;

/// Makes this process able to build sandboxes: nothing for root, otherwise it becomes root of a user namespace of its own.
///
/// Call it once, before the first thread is started. Afterwards the user is number 0 with all
/// capabilities in the namespace and in a mount namespace, and nothing has changed for the machine.
pub fn enter() -> Result<Entered, SandboxError> {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let entered = |ownership| Entered {
        ownership,
        original_uid: uid,
        original_gid: gid,
    };
    if rustix::process::geteuid().is_root() && may_mount()? {
        return Ok(entered(present_ownership()));
    }
    single_thread()?;
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let helper = match Mapper::prepare(uid, gid) {
        Ok(mapper) => Ok(Helper::start(mapper)?),
        Err(why) => Err(why),
    };
    if let Err(errno) = sys::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) {
        if let Ok(helper) = helper {
            helper.cancel();
        }
        return Err(failed("create a user namespace", errno.into()));
    }
    let why = match helper {
        Ok(helper) => match helper.finish() {
            Ok(()) => return Ok(entered(Ownership::Mapped)),
            Err(message) => WhySingle::Refused(message),
        },
        Err(why) => why,
    };
    map_single(uid, gid)?;
    Ok(entered(Ownership::Single(why)))
}

fn failed(attempt: &str, source: io::Error) -> SandboxError {
    SandboxError::UserNamespace {
        attempt: attempt.to_owned(),
        source,
    }
}

fn may_mount() -> Result<bool, SandboxError> {
    let (effective, _) = sys::capabilities().map_err(|errno| failed("read the capabilities", errno.into()))?;
    Ok(effective & (1 << super::Capability::SYS_ADMIN as u8) != 0)
}

fn present_ownership() -> Ownership {
    match fs::read_to_string("/proc/self/uid_map").unwrap_or_default() {
        map if idmap::ranges(&map).any(|range| range == (0, 0, u32::MAX)) => Ownership::Machine,
        map if idmap::size(&map) >= ENOUGH => Ownership::Mapped,
        _ => Ownership::Single(WhySingle::Inherited),
    }
}

/// The kernel refuses a process with several threads, with an error that explains nothing.
fn single_thread() -> Result<(), SandboxError> {
    match fs::read_dir("/proc/self/task") {
        Ok(tasks) => match tasks.count() {
            0 | 1 => Ok(()),
            _ => Err(failed(
                "enter a user namespace with several threads",
                rustix::io::Errno::INVAL.into(),
            )),
        },
        // Without /proc the kernel has the last word.
        Err(_) => Ok(()),
    }
}

fn map_single(uid: u32, gid: u32) -> Result<(), SandboxError> {
    // `setgroups` must be given up before a group may be mapped without privileges (user_namespaces(7)).
    // A program may have mapped the users before it, or its brother, failed.
    write("setgroups", "deny".to_owned(), "give up setgroups(2)")?;
    if fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| map.trim().is_empty()) {
        write("uid_map", format!("0 {uid} 1"), "map the user")?;
    }
    write("gid_map", format!("0 {gid} 1"), "map the group")
}

fn write(file: &str, text: String, attempt: &str) -> Result<(), SandboxError> {
    fs::write(Path::new("/proc/self").join(file), text)
        .map_err(|source| failed(&format!("{attempt} in the user namespace"), source))
}

/// The programs that map many numbers, with their arguments behind the process' number.
#[derive(Debug)]
struct Mapper {
    commands: [(PathBuf, Vec<String>); 2],
}

impl Mapper {
    fn prepare(uid: u32, gid: u32) -> Result<Self, WhySingle> {
        let passwd = fs::read("/etc/passwd").unwrap_or_default();
        let name = user_name(&passwd, uid);
        let one = |file: &str, program: &'static str, id: u32| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let ranges = subordinate(&text, name.as_deref(), uid);
            if ranges.is_empty() {
                return Err(WhySingle::NoRanges(file.into()));
            }
            let path = find(program).ok_or(WhySingle::NoProgram(program))?;
            Ok((path, map(id, &ranges)))
        };
        Ok(Self {
            commands: [
                one("/etc/subuid", "newuidmap", uid)?,
                one("/etc/subgid", "newgidmap", gid)?,
            ],
        })
    }

    /// Runs the programs for a process; an error is what the failing one said.
    fn run(&self, process: u32) -> Result<(), String> {
        for (program, arguments) in &self.commands {
            let name = program.file_name().unwrap_or_default().to_string_lossy();
            let output = Command::new(program).arg(process.to_string()).args(arguments).output();
            let output = output.map_err(|error| format!("`{name}` could not be run: {error}"))?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(format!("`{name}` refused: {}", said.trim()));
            }
        }
        Ok(())
    }
}

/// setuid programs are no business of PATH.
fn find(program: &str) -> Option<PathBuf> {
    [
        "/usr/bin",
        "/bin",
        "/usr/local/bin",
        "/usr/sbin",
        "/sbin",
        "/run/wrappers/bin",
    ]
    .iter()
    .map(|directory| Path::new(directory).join(program))
    .find(|path| path.exists())
}

fn user_name(passwd: &[u8], uid: u32) -> Option<String> {
    let text = String::from_utf8_lossy(passwd);
    let uid = uid.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(uid.as_str())).then(|| name.to_owned())
    })
}

/// The ranges that a file such as `/etc/subuid` grants to a user, by name or number (subuid(5)).
fn subordinate(text: &str, name: Option<&str>, uid: u32) -> Vec<(u32, u32)> {
    let number = uid.to_string();
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let start: u32 = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let ours = owner == number || Some(owner) == name;
        (ours && count > 0 && start.checked_add(count).is_some()).then_some((start, count))
    };
    text.lines().filter_map(range).collect()
}

/// Arguments that map 0 to `id` and the numbers from 1 on to the ranges.
fn map(id: u32, ranges: &[(u32, u32)]) -> Vec<String> {
    let mut arguments = vec!["0".to_owned(), id.to_string(), "1".to_owned()];
    let mut inside = 1_u32;
    // The kernel takes 340 lines.
    for (start, count) in ranges.iter().take(339) {
        let count = (*count).min(u32::MAX - inside);
        arguments.extend([inside.to_string(), start.to_string(), count.to_string()]);
        inside += count;
    }
    arguments
}

/// A process outside of the new namespace, from where alone it can be given many numbers.
#[derive(Debug)]
struct Helper {
    process: u32,
    go: PipeWriter,
    answer: PipeReader,
}

impl Helper {
    fn start(mapper: Mapper) -> Result<Self, SandboxError> {
        let pipe = || io::pipe().map_err(|source| failed("prepare a user namespace", source));
        let ((mut wait, go), (answer, mut tell)) = (pipe()?, pipe()?);
        let parent = std::process::id();
        match sys::fork().map_err(|source| failed("prepare a user namespace", source))? {
            Forked::Parent(process) => Ok(Self { process, go, answer }),
            Forked::Child => {
                drop((go, answer));
                // Nothing arrives when the namespace could not be made.
                if wait.read_exact(&mut [0]).is_ok() {
                    let message = match mapper.run(parent) {
                        Ok(()) => String::new(),
                        Err(message) => message,
                    };
                    let _ = write!(tell, ".{message}");
                }
                sys::exit(0)
            }
        }
    }

    /// Lets it do its work, now that the namespace exists.
    fn finish(mut self) -> Result<(), String> {
        let mut answer = String::new();
        let talk = self
            .go
            .write_all(b".")
            .and_then(|()| self.answer.read_to_string(&mut answer));
        reap(self.process);
        match (talk, answer.strip_prefix('.')) {
            (Ok(_), Some("")) => Ok(()),
            (Ok(_), Some(message)) => Err(message.to_owned()),
            _ => Err("the helper that maps ids has died".to_owned()),
        }
    }

    /// Sends it home without work.
    fn cancel(self) {
        let Self { process, go, answer } = self;
        drop((go, answer));
        reap(process);
    }
}

fn reap(process: u32) {
    let pid = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    let options = rustix::process::WaitOptions::empty();
    while matches!(rustix::process::waitpid(pid, options), Err(rustix::io::Errno::INTR)) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_belong_to_a_name_or_a_number() {
        let text = "alice:100000:65536\n1000:200000:10\nbob:1:2\nalice:x:1\nalice:4294967295:2\n\nalice:300000:0\n";
        assert_eq!(
            subordinate(text, Some("alice"), 1000),
            [(100_000, 65536), (200_000, 10)]
        );
        assert_eq!(subordinate(text, None, 1000), [(200_000, 10)]);
        assert_eq!(subordinate("", Some("alice"), 1000), []);
    }

    #[test]
    fn maps_are_gapless() {
        assert_eq!(
            map(1000, &[(100_000, 65536), (7, 3)]).join(" "),
            "0 1000 1 1 100000 65536 65537 7 3"
        );
    }

    #[test]
    fn names_come_from_passwd() {
        let passwd = b"root:x:0:0::/:\nalice:x:1000:1000::/:\n";
        assert_eq!(user_name(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(user_name(passwd, 1), None);
    }
}
