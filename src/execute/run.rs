//! RUN: one command in a sandbox on top of a root file system.

use super::mounts::{Mounted, Mounts};
use super::stack::Stack;
use super::{ExecuteError, Executor, clock};
use crate::layer::{Entry, Listing, Ownership};
use crate::plan::{MountKind, Network, Run, StepId};
use crate::sandbox::{
    self, Capabilities, Command, ControlGroup, ExitStatus, Limit, Note, Resource, Root, Seccomp, Setup, Upper,
};
use crate::schedule::{Cancel, Event, Listener, Stream};
use crate::store::Draft;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Gid, Mode, Uid};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// What Docker's builder gives a command whose image and Dockerfile set none.
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Tells ssh where its agent is.
const SOCKET_VARIABLE: &str = "SSH_AUTH_SOCK";

/// Bytes of a failing command's output that its error shows again.
const TAIL: usize = 4096;

/// A command that is about to run.
pub(super) struct Running<'a> {
    pub(super) executor: &'a Executor<'a>,
    pub(super) step: StepId,
    pub(super) run: &'a Run,
    /// Receives what the command changes.
    pub(super) draft: &'a Draft,
    pub(super) cancel: &'a Cancel,
    pub(super) events: &'a dyn Listener,
}

/// Runs the command on top of `root` and lists what it changed.
pub(super) fn perform(running: &Running<'_>, root: &Stack, mounted: &Mounted) -> Result<Listing, ExecuteError> {
    let Running {
        executor,
        step,
        run,
        draft,
        cancel,
        events,
    } = *running;
    if run.insecure && !executor.rights.insecure {
        return Err(ExecuteError::NotAllowed("`security.insecure`"));
    }
    if run.network == Network::Host && !executor.rights.host_network {
        return Err(ExecuteError::NotAllowed("`network.host`"));
    }
    let passwd = root.read_small(b"etc/passwd");
    let group = root.read_small(b"etc/group");
    let identity = sandbox::lookup(&run.user, passwd.as_deref(), group.as_deref())?;
    let work = |name: &str| -> Result<PathBuf, ExecuteError> {
        let path = draft.work()?.join(name);
        std::fs::create_dir(&path).map_err(|source| ExecuteError::File {
            action: "create",
            path: path.clone(),
            source,
        })?;
        Ok(path)
    };

    let mut overlay = executor.overlay(root.lowers());
    // Who may do everything may use the machine's devices.
    overlay.devices = run.insecure;
    if overlay.lowers.is_empty() {
        overlay.lowers.push(work("nothing")?);
    }
    overlay.upper = Some(Upper {
        directory: draft.tree().to_path_buf(),
        work: work("overlay")?,
    });
    let mut setup = Setup::new(Root::Overlay(overlay), draft.work()?);
    // The directories that the mount points of a container need stay in the layer, as Docker has it.
    for path in ["/dev", "/proc", "/sys"] {
        setup = setup.directory(path, 0o755, 0, 0);
    }
    setup = setup.directory(&run.workdir, 0o755, identity.uid, identity.gid);
    let shm_size = run.shm_size.unwrap_or(sandbox::SHM_SIZE);
    setup = if run.insecure {
        setup.insecure_container(shm_size, false)
    } else {
        setup.container(shm_size, false)
    };
    setup = setup
        .hostname(&run.hostname)
        .group(ControlGroup {
            parent: run.cgroup_parent.as_ref().map(PathBuf::from),
            limits: executor.machine.limits.clone(),
        })
        .network(if run.network == Network::None {
            sandbox::Network::None
        } else {
            sandbox::Network::Inherit
        })
        .file(
            "/etc/resolv.conf",
            sandbox::resolv_file(&executor.machine.resolv_conf, run.network != Network::None),
        )
        .file("/etc/hosts", sandbox::hosts_file(&run.hostname, &run.extra_hosts));
    for (name, body) in &run.scripts {
        setup = setup.program(format!("/dev/pipes/{name}"), body.as_bytes());
    }
    let mut mounts = Mounts::new(executor, draft, cancel);
    setup = mounts.add(setup, run, mounted)?;

    let mut command = Command::new(&run.argv)
        .cwd(&run.workdir)
        .user(identity.uid, identity.gid, &identity.groups);
    let given = |name: &str| run.env.iter().any(|(given, _)| given == name);
    for (name, value) in run.env.iter().chain(&run.proxy_env) {
        command = command.env(name, value);
    }
    if !given("PATH") {
        command = command.env("PATH", DEFAULT_PATH);
    }
    if !given("HOME") {
        command = command.env("HOME", &identity.home);
    }
    // As in BuildKit, whether the agent is there or not.
    if !given(SOCKET_VARIABLE)
        && let Some(agent) = run.mounts.iter().find(|it| matches!(it.kind, MountKind::Ssh { .. }))
    {
        command = command.env(SOCKET_VARIABLE, &agent.target);
    }
    for (name, value) in mounts.secret_variables() {
        let variable = [name.as_bytes(), b"=", value].concat();
        command.env.push(OsString::from_vec(variable));
    }
    if run.insecure {
        command.capabilities = Capabilities::ALL;
        command.seccomp = Seccomp::Off;
    }
    for (name, soft, hard) in &run.ulimits {
        let Some(resource) = Resource::named(name) else {
            return Err(ExecuteError::Unsupported(format!("the limit `{name}`")));
        };
        command.limits.push(Limit {
            resource,
            soft: *soft,
            hard: *hard,
        });
    }

    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|errno| ExecuteError::Internal(format!("no pipe: {errno}")));
    let (stdout, stdout_write) = pipe()?;
    let (stderr, stderr_write) = pipe()?;
    command.stdout = stdout_write.into();
    command.stderr = stderr_write.into();

    if let Some(found) = root.view().get(b"") {
        copy_root(draft, found.entry, executor.host.ownership)?;
    }
    cancel.check()?;
    clock::pass(root.view());
    let mut child = setup.spawn(&command)?;
    // The command holds the only writing ends from here on, so that reading ends when it does.
    drop(command);
    for note in child.notes() {
        // The usual way of a user namespace that shares the network; it hides nothing from anybody.
        if *note != Note::HostSys {
            events.hear(Event::Noted {
                step,
                text: note.to_string(),
            });
        }
    }
    let killer = child.killer();
    // A command that has ended by itself can't be killed, and need not be.
    let guard = cancel.on_cancel(move || drop(killer.kill()));
    let tail = listen(stdout, stderr, step, events);
    let status = child.wait()?;
    drop(guard);
    cancel.check()?;
    if status != ExitStatus::Code(0) {
        return Err(ExecuteError::Command {
            status,
            tail,
            out_of_memory: child.ran_out_of_memory(),
        });
    }
    let scanned = crate::layer::scan(draft.tree_fd(), &executor.host, root.view(), &|_| false, &|| {
        cancel.is_cancelled()
    });
    cancel.check()?;
    Ok(scanned?)
}

/// The upper directory's own metadata is that of `/`.
fn copy_root(draft: &Draft, entry: &Entry, ownership: Ownership) -> Result<(), ExecuteError> {
    let failed = |action| {
        move |errno: Errno| ExecuteError::File {
            action,
            path: draft.tree().to_path_buf(),
            source: errno.into(),
        }
    };
    if ownership == Ownership::Mapped && (entry.uid, entry.gid) != (0, 0) {
        let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
        rustix::fs::fchown(draft.tree_fd(), Some(uid), Some(gid)).map_err(failed("set the owner of"))?;
    }
    let mode = Mode::from_raw_mode(u32::from(entry.mode));
    rustix::fs::fchmod(draft.tree_fd(), mode).map_err(failed("set the mode of"))
}

/// Passes on what the command writes until it has closed both pipes; returns the last bytes.
fn listen(stdout: OwnedFd, stderr: OwnedFd, step: StepId, events: &dyn Listener) -> Vec<u8> {
    let mut open = vec![(stdout, Stream::Stdout), (stderr, Stream::Stderr)];
    let mut buffer = vec![0; 64 * 1024];
    let mut tail = Vec::new();
    while !open.is_empty() {
        let mut waiting: Vec<PollFd<'_>> = open.iter().map(|(pipe, _)| PollFd::new(pipe, PollFlags::IN)).collect();
        match poll(&mut waiting, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => break,
        }
        let ready: Vec<bool> = waiting.iter().map(|pipe| !pipe.revents().is_empty()).collect();
        let mut ready = ready.into_iter();
        open.retain(|(pipe, stream)| {
            if !ready.next().unwrap_or_default() {
                return true;
            }
            match rustix::io::read(pipe, &mut buffer) {
                Ok(0) => false,
                Ok(count) => {
                    let bytes = &buffer[..count];
                    tail.extend_from_slice(bytes);
                    if tail.len() > TAIL {
                        tail.drain(..tail.len() - TAIL);
                    }
                    events.hear(Event::Output {
                        step,
                        stream: *stream,
                        bytes: bytes.to_vec(),
                    });
                    true
                }
                Err(Errno::INTR | Errno::AGAIN) => true,
                Err(_) => false,
            }
        });
    }
    tail
}
