//! A socket that clients connect to, and the threads behind it.

use super::error::{AgentError, SET_OWNER};
use super::source::Source;
use super::wire::{FAILURE, REQUEST_IDENTITIES, SIGN_REQUEST, read_message, write_message};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType};
use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Who may connect to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// An agent that listens. Dropping it ends all connections and removes the socket; no thread of it is left then.
#[derive(Debug)]
pub struct Serving {
    path: PathBuf,
    /// A folder that was made for the socket alone.
    folder: Option<PathBuf>,
    listener: Arc<UnixListener>,
    connections: Arc<Connections>,
    acceptor: Option<JoinHandle<()>>,
}

/// Clients that are served at once; more wait until one has gone.
const MOST_CLIENTS: usize = 64;

/// Bytes of the longest path of a socket that connect(2) takes.
const LONGEST_PATH: usize = 107;

/// How long the machine's agent may take to accept a connection, as in BuildKit.
const PATIENCE: Duration = Duration::from_secs(2);

impl Serving {
    /// Where the socket is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn start_within_reach(source: &Source, folder: &Path) -> Result<Self, AgentError> {
        let access = Access {
            mode: 0o600,
            uid: 0,
            gid: 0,
        };
        if folder.join(NAME).as_os_str().len() <= LONGEST_PATH {
            return Self::start(source, folder, access);
        }
        let own = own_folder()?;
        let mut serving = Self::start(source, &own, access).inspect_err(|_| drop(fs::remove_dir(&own)))?;
        serving.folder = Some(own);
        Ok(serving)
    }

    pub(super) fn start(source: &Source, folder: &Path, access: Access) -> Result<Self, AgentError> {
        let path = folder.join(NAME);
        let failed = |action| {
            let path = path.clone();
            move |source: io::Error| AgentError::Socket { action, path, source }
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let held = rustix::fs::open(folder, flags, Mode::empty()).map_err(|errno| failed("make")(errno.into()))?;
        // A socket's path may have 107 bytes only, so it is made by a short one.
        let short = format!("/proc/self/fd/{}/{NAME}", held.as_raw_fd());
        let listener = Arc::new(UnixListener::bind(short).map_err(failed("make"))?);
        let mut serving = Self {
            path: path.clone(),
            folder: None,
            listener,
            connections: Arc::default(),
            acceptor: None,
        };
        if (access.uid, access.gid) != (0, 0) {
            std::os::unix::fs::chown(&path, Some(access.uid), Some(access.gid)).map_err(failed(SET_OWNER))?;
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(access.mode & 0o777))
            .map_err(failed("set the mode of"))?;
        let (listener, connections) = (Arc::clone(&serving.listener), Arc::clone(&serving.connections));
        let source = source.clone();
        let acceptor = std::thread::Builder::new()
            .name("agent".to_owned())
            .spawn(move || accept(&listener, &connections, &source));
        serving.acceptor = Some(acceptor.map_err(failed("serve"))?);
        Ok(serving)
    }
}

/// The socket's name in its folder.
const NAME: &str = "agent";

impl Drop for Serving {
    fn drop(&mut self) {
        self.connections.stop();
        // Wakes the thread that waits in accept(2).
        let _ = rustix::net::shutdown(self.listener.as_fd(), Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.connections.wait_for_end();
        let _ = fs::remove_file(&self.path);
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// A folder in `/tmp` that nobody else may enter.
fn own_folder() -> Result<PathBuf, AgentError> {
    loop {
        let number = RandomState::new().build_hasher().finish();
        let path = PathBuf::from(format!("/tmp/varve-agent-{number:016x}"));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
            Err(source) => {
                return Err(AgentError::Socket {
                    action: "make a folder for",
                    path,
                    source,
                });
            }
        }
    }
}

/// The connections that there are.
#[derive(Debug, Default)]
struct Connections {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    next: u64,
    /// Both ends of each: the client, and the machine's agent once it is connected.
    open: BTreeMap<u64, Vec<UnixStream>>,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Ends all connections, and lets none begin.
    fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        for stream in state.open.values().flatten() {
            // Whoever reads or writes it gets the end of it.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        self.changed.notify_all();
    }

    fn wait_for_end(&self) {
        let mut state = self.lock();
        while !state.open.is_empty() {
            state = self.wait(state);
        }
    }

    /// Begins a connection, once there is room; `None` when all is over.
    fn begin(&self, client: &UnixStream) -> Option<u64> {
        let mut state = self.lock();
        while !state.stopped && state.open.len() >= MOST_CLIENTS {
            state = self.wait(state);
        }
        if state.stopped {
            return None;
        }
        let id = state.next;
        state.next += 1;
        state.open.insert(id, vec![client.try_clone().ok()?]);
        Some(id)
    }

    /// Adds the other end; false when all is over.
    fn join(&self, id: u64, stream: &UnixStream) -> bool {
        let mut state = self.lock();
        let Ok(stream) = stream.try_clone() else { return false };
        let stopped = state.stopped;
        state.open.entry(id).or_default().push(stream);
        !stopped
    }

    fn end(&self, id: u64) {
        self.lock().open.remove(&id);
        self.changed.notify_all();
    }
}

fn accept(listener: &UnixListener, connections: &Arc<Connections>, source: &Source) {
    loop {
        let client = match listener.accept() {
            Ok((client, _)) => client,
            Err(_) if connections.is_stopped() => return,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return,
            // Too many files are open, or the client went away: others may come.
            Err(_) => {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            }
        };
        let Some(id) = connections.begin(&client) else {
            if connections.is_stopped() {
                return;
            }
            continue;
        };
        let (served, source) = (Arc::clone(connections), source.clone());
        let thread = std::thread::Builder::new()
            .name("agent client".to_owned())
            .spawn(move || {
                // Whatever a client does ends its own connection only.
                let _ = converse(client, &source, &served, id);
                served.end(id);
            });
        if thread.is_err() {
            connections.end(id);
        }
    }
}

/// Answers one client until it hangs up.
fn converse(mut client: UnixStream, source: &Source, connections: &Connections, id: u64) -> io::Result<()> {
    let mut machine = None;
    while let Some(message) = read_message(&mut client)? {
        let answer = match source {
            Source::Keys(keys) => keys.answer(&message),
            Source::Agent(_) if !matches!(message.first(), Some(&(REQUEST_IDENTITIES | SIGN_REQUEST))) => vec![FAILURE],
            Source::Agent(path) => {
                let stream = match &mut machine {
                    Some(stream) => stream,
                    None => {
                        let stream = connect(path, || connections.is_stopped())?;
                        if !connections.join(id, &stream) {
                            return Ok(());
                        }
                        machine.insert(stream)
                    }
                };
                write_message(stream, &message)?;
                let Some(answer) = read_message(stream)? else {
                    return Ok(());
                };
                answer
            }
        };
        write_message(&mut client, &answer)?;
    }
    Ok(())
}

/// Connects to an agent of the machine. One that accepts nobody is given up after a while.
pub(super) fn connect(path: &Path, stopped: impl Fn() -> bool) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let address = SocketAddrUnix::new(path.as_os_str().as_bytes())?;
    let start = Instant::now();
    loop {
        match rustix::net::connect(&socket, &address) {
            Ok(()) => break,
            Err(Errno::INTR) => (),
            // Too many others wait to be accepted.
            Err(Errno::AGAIN) if stopped() || start.elapsed() > PATIENCE => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(Errno::AGAIN) => std::thread::sleep(Duration::from_millis(10)),
            Err(errno) => return Err(errno.into()),
        }
    }
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}
