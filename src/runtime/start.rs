//! Starting a container.

use super::attach::{self, Signals, Streams};
use super::error::RuntimeError;
use super::request::RunRequest;
use crate::sandbox::{Child, Command, ExitStatus, Killer, Overlay, Root, Setup, Stdio, Upper, WindowSize};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Runs a container to its end. The status is the command's own.
///
/// As [`start`] and [`Container::attach`].
pub fn run(request: &RunRequest<'_>, streams: &Streams) -> Result<ExitStatus, RuntimeError> {
    // Heard from before the container exists: a signal that comes at its first moment is passed on too.
    let signals = Signals::listen()?;
    attach::attach(&mut start(request, streams)?, streams, &signals)
}

/// Starts a container. The calling thread must live as long as it does.
pub fn start(request: &RunRequest<'_>, streams: &Streams) -> Result<Container, RuntimeError> {
    let resolved = request.resolve()?;
    let setup = setup(request)?;
    let mut command =
        Command::new(&resolved.argv).user(resolved.identity.uid, resolved.identity.gid, &resolved.identity.groups);
    command.env = resolved.env.iter().map(Into::into).collect();
    command.cwd = resolved.cwd;
    if request.tty {
        command.terminal = Some(attach::window_size(streams).unwrap_or(WindowSize { rows: 24, columns: 80 }));
    } else {
        if request.interactive {
            command.stdin = Stdio::Descriptor(streams.stdin.clone());
        }
        command.stdout = Stdio::Descriptor(streams.stdout.clone());
        command.stderr = Stdio::Descriptor(streams.stderr.clone());
    }
    let child = setup.spawn(&command)?;
    Ok(Container {
        child,
        interactive: request.interactive,
    })
}

/// A running container; dropped before its end, it is killed.
#[derive(Debug)]
pub struct Container {
    pub(super) child: Child,
    pub(super) interactive: bool,
}

impl Container {
    /// Connects the container with the outside and waits for its end.
    ///
    /// With a terminal, the caller's one is raw as long and restored afterwards, and its size is passed on.
    /// SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT and SIGALRM go to the container's process 1;
    /// afterwards this process ignores them, because their handlers cannot be taken out again.
    pub fn attach(mut self, streams: &Streams) -> Result<ExitStatus, RuntimeError> {
        attach::attach(&mut self, streams, &Signals::listen()?)
    }

    /// A handle with which another thread can end it.
    #[must_use]
    pub fn killer(&self) -> Killer {
        self.child.killer()
    }
}

fn setup(request: &RunRequest<'_>) -> Result<Setup, RuntimeError> {
    let make = |name: &str| {
        let path = request.directory.join(name);
        fs::create_dir_all(&path).map_err(|source| RuntimeError::Prepare {
            path: path.clone(),
            source,
        })?;
        Ok::<PathBuf, RuntimeError>(path)
    };
    let upper = make("upper")?;
    if let Some(top) = request.lowers.last() {
        // The root directory looks like the upper one.
        copy_owner(top, &upper).map_err(|source| RuntimeError::Prepare {
            path: upper.clone(),
            source,
        })?;
    }
    let root = Root::Overlay(Overlay {
        lowers: request.lowers.clone(),
        upper: Some(Upper {
            directory: upper,
            work: make("work")?,
        }),
        userxattr: request.userxattr,
        devices: false,
    });
    let mut setup = Setup::new(root, make("scratch")?)
        .container(request.shm_size, request.tty)
        .hostname(&request.hostname)
        .network(request.network)
        .file("/etc/hosts", request.hosts())
        .file("/etc/hostname", format!("{}\n", request.hostname));
    if let Some(text) = &request.resolv_conf {
        setup = setup.file("/etc/resolv.conf", text.as_str());
    }
    for mount in &request.mounts {
        setup = match mount.read_only {
            true => setup.bind_read_only(&mount.source, &mount.target),
            false => setup.bind(&mount.source, &mount.target),
        };
    }
    Ok(setup)
}

fn copy_owner(from: &Path, to: &Path) -> std::io::Result<()> {
    let metadata = fs::metadata(from)?;
    // An owner without a number here cannot be given.
    let _ = std::os::unix::fs::chown(to, Some(metadata.uid()), Some(metadata.gid()));
    fs::set_permissions(to, fs::Permissions::from_mode(metadata.mode() & 0o7777))
}
