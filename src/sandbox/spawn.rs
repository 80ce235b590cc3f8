//! From a drawn sandbox to a running command.

use super::child::{Child, ExitStatus, Note};
use super::command::Command;
use super::error::{ExecFailure, SandboxError};
use super::group::Groups;
use super::perform::child_main;
use super::program::{Ambient, Channels, Kind, Program};
use super::report::{self, Fixed, Report, Stage};
use super::setup::{Network, Operation, Root, Setup};
use super::{stubs, sys};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType};
use rustix::pipe::PipeFlags;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Setup {
    /// Starts `command`. When this returns, the program has been executed.
    ///
    /// The calling thread must live as long as the command: the kernel kills the command with it.
    pub fn spawn(&self, command: &Command) -> Result<Child, SandboxError> {
        let groups = Groups::make(&self.group)?;
        let kinds = self.operations.iter().map(kind).collect::<Result<Vec<_>, _>>()?;
        let lowers = self.prepare(&kinds)?;
        let prepare = |attempt: &'static str, path: &str| {
            let path = PathBuf::from(path);
            move |errno: Errno| SandboxError::Prepare {
                attempt,
                path,
                source: errno.into(),
            }
        };
        let (reader, writer) =
            rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(prepare("make a pipe for", "reports"))?;
        let socket = match command.terminal {
            Some(_) => Some(
                rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                    .map_err(prepare("make a socket for", "the terminal"))?,
            ),
            None => None,
        };
        let (ours, theirs) = socket.unzip();
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        let channels = Channels {
            report: writer,
            socket: theirs,
            null: null.map_err(prepare("open", "/dev/null"))?,
        };
        let program = Program::prepare(self, command, &lowers, &kinds, &channels, &ambient()?, groups.members())?;
        let namespaces =
            libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;
        let network = match self.network {
            Network::Inherit => 0,
            Network::None => libc::CLONE_NEWNET,
        };
        let (pid, pidfd) = sys::spawn(namespaces | network, child_main, &program).map_err(|error| match error {
            sys::SpawnError::Memory(source) | sys::SpawnError::Clone(source) => SandboxError::Clone { source },
        })?;
        drop(channels);
        let mut child = Child {
            pid,
            groups,
            pidfd: Arc::new(pidfd),
            status: None,
            notes: Vec::new(),
            terminal: None,
        };
        let mut kernel = String::new();
        for (report, text) in read_reports(&reader) {
            match report.stage {
                Stage::Fixed(Fixed::KernelSays) => kernel = text,
                Stage::Fixed(Fixed::HostProc) => child.notes.push(Note::HostProc),
                Stage::Fixed(Fixed::HostSys) => child.notes.push(Note::HostSys),
                _ => {
                    // Its own exit; there is nothing to kill.
                    let _ = child.wait();
                    return Err(self.failure(command, report, kernel));
                }
            }
        }
        if let Some(socket) = ours {
            child.terminal = Some(receive_terminal(&socket)?);
        }
        Ok(child)
    }

    /// Starts `command` and waits for its end.
    pub fn run(&self, command: &Command) -> Result<ExitStatus, SandboxError> {
        self.spawn(command)?.wait()
    }

    /// Makes what must be there outside of the sandbox; returns the overlay's directories, highest first.
    fn prepare(&self, kinds: &[Kind]) -> Result<Vec<PathBuf>, SandboxError> {
        let make = |name: &str| {
            let path = self.scratch.join(name);
            match fs::create_dir(&path) {
                Ok(()) => Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(path),
                Err(source) => Err(SandboxError::Prepare {
                    attempt: "make the mount point",
                    path,
                    source,
                }),
            }
        };
        make("root")?;
        if self.operations.iter().any(|it| matches!(it, Operation::File { .. })) {
            make("files")?;
        }
        for (index, operation) in self.operations.iter().enumerate() {
            if matches!(operation, Operation::Part { .. }) {
                make(&part_name(index))?;
            }
        }
        let Root::Overlay(overlay) = &self.root else {
            return Ok(Vec::new());
        };
        if overlay.lowers.is_empty() {
            return Err(SandboxError::Invalid {
                what: "an overlay without a lower directory",
                value: String::new(),
            });
        }
        let mut lowers: Vec<PathBuf> = overlay.lowers.iter().rev().cloned().collect();
        let stubs = self.scratch.join("stubs");
        if stubs::make(overlay, &self.operations, kinds, &stubs)? {
            lowers.insert(0, stubs);
        }
        Ok(lowers)
    }

    fn failure(&self, command: &Command, report: Report, kernel: String) -> SandboxError {
        let source = io::Error::from(report.errno);
        let attempt = match report.stage {
            Stage::Operation(index) => match self.operations.get(index as usize) {
                Some(operation) => operation.attempt(),
                None => format!("perform operation {index}"),
            },
            Stage::Fixed(Fixed::Exec) => return exec_failure(command, exec_kind(report.errno), source),
            Stage::Fixed(Fixed::Interpreter) => {
                return exec_failure(command, ExecFailure::MissingInterpreter, source);
            }
            Stage::Fixed(fixed) => self.attempt(command, fixed),
        };
        SandboxError::Setup {
            attempt,
            kernel,
            source,
        }
    }

    fn attempt(&self, command: &Command, stage: Fixed) -> String {
        match stage {
            Fixed::JoinGroup => "enter the control group of the command".to_owned(),
            Fixed::Propagation => "keep mounts to the sandbox".to_owned(),
            Fixed::Root => match &self.root {
                Root::Directory(path) => format!("mount `{}` as the root", path.display()),
                Root::Overlay(overlay) => match &overlay.upper {
                    Some(upper) => format!(
                        "mount an overlay of {} directories on `{}`",
                        overlay.lowers.len(),
                        upper.directory.display()
                    ),
                    None => format!("mount a read-only overlay of {} directories", overlay.lowers.len()),
                },
            },
            Fixed::Files => "mount memory for files".to_owned(),
            Fixed::Pivot => "change the root directory".to_owned(),
            Fixed::Hostname => format!("set the host name `{}`", self.hostname),
            Fixed::Loopback => "switch on the loopback interface".to_owned(),
            Fixed::Limit => "set the resource limits".to_owned(),
            Fixed::Session => "start a session".to_owned(),
            Fixed::Terminal => "open a terminal".to_owned(),
            Fixed::Descriptors => "connect input and output".to_owned(),
            Fixed::WorkingDirectory => format!("enter the working directory `{}`", command.cwd.display()),
            Fixed::Seccomp => "filter system calls".to_owned(),
            Fixed::Bounding | Fixed::Capabilities => "give up capabilities".to_owned(),
            Fixed::Groups => format!("become group {}", command.gid),
            Fixed::User => format!("become user {}", command.uid),
            Fixed::Signals => "reset signals".to_owned(),
            Fixed::Parent => "follow the parent process".to_owned(),
            Fixed::Exec | Fixed::Interpreter | Fixed::HostProc | Fixed::HostSys | Fixed::KernelSays => {
                "execute the command".to_owned()
            }
        }
    }
}

fn exec_kind(errno: Errno) -> ExecFailure {
    match errno {
        Errno::NOENT | Errno::NOTDIR => ExecFailure::NotFound,
        Errno::ACCESS | Errno::PERM | Errno::ISDIR => ExecFailure::PermissionDenied,
        Errno::NOEXEC | Errno::INVAL | Errno::LIBBAD => ExecFailure::Format,
        Errno::TOOBIG => ExecFailure::TooLong,
        _ => ExecFailure::Other,
    }
}

fn exec_failure(command: &Command, failure: ExecFailure, source: io::Error) -> SandboxError {
    let program = command.argv.first().map(|it| it.to_string_lossy().into_owned());
    SandboxError::Exec {
        program: program.unwrap_or_default(),
        failure,
        source,
    }
}

/// Where the overlay of a [`Operation::Part`] is attached, in the scratch directory.
pub(super) fn part_name(index: usize) -> String {
    format!("part{index}")
}

/// What an operation's place must be.
fn kind(operation: &Operation) -> Result<Kind, SandboxError> {
    match operation {
        Operation::File { .. } | Operation::Part { directory: false, .. } => Ok(Kind::File),
        Operation::Bind { source, .. } => match fs::metadata(source) {
            Ok(metadata) if metadata.is_dir() => Ok(Kind::Directory),
            Ok(_) => Ok(Kind::File),
            Err(error) => Err(SandboxError::Prepare {
                attempt: "find the source of a mount",
                path: source.clone(),
                source: error,
            }),
        },
        _ => Ok(Kind::Directory),
    }
}

/// What this process is allowed to pass on.
fn ambient() -> Result<Ambient, SandboxError> {
    let failed = |errno: Errno| SandboxError::Prepare {
        attempt: "read the capabilities of",
        path: "/proc/self".into(),
        source: errno.into(),
    };
    let (_, permitted) = sys::capabilities().map_err(failed)?;
    // Absent files mean an old kernel, or no /proc: then nothing is forbidden that we could know of.
    let denied = fs::read(Path::new("/proc/self/setgroups")).is_ok_and(|text| text.starts_with(b"deny"));
    let map = fs::read_to_string("/proc/self/gid_map").unwrap_or_default();
    Ok(Ambient {
        capabilities: permitted,
        set_groups: !denied,
        tty_group: super::idmap::contains(&map, 5),
    })
}

/// The reports of a child that has executed its program or ended: it writes no more.
fn read_reports(reader: &OwnedFd) -> Vec<(Report, String)> {
    let mut reports = Vec::new();
    let mut bytes = [0; report::SIZE];
    let mut filled = 0;
    loop {
        match rustix::io::read(reader.as_fd(), &mut bytes[filled..]) {
            Err(Errno::INTR) => continue,
            Ok(0) | Err(_) => return reports,
            Ok(length) => filled += length,
        }
        if filled == bytes.len() {
            reports.extend(Report::parse(&bytes));
            filled = 0;
        }
    }
}

fn receive_terminal(socket: &OwnedFd) -> Result<OwnedFd, SandboxError> {
    let failed = |source: io::Error| SandboxError::Setup {
        attempt: "receive the terminal".to_owned(),
        kernel: String::new(),
        source,
    };
    let mut byte = [0; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    rustix::net::recvmsg(
        socket,
        &mut [io::IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
    )
    .map_err(|errno| failed(errno.into()))?;
    let mut descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    descriptors
        .next()
        .ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()))
}
