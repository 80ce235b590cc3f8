//! Between a container and the terminal of whoever runs it: bytes, signals, and the size of the window.

use super::error::RuntimeError;
use super::start::Container;
use crate::sandbox::{ExitStatus, WindowSize};
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, Winsize};
use signal_hook::SigId;
use signal_hook::consts::{SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// Where a container's input comes from and its output goes.
#[derive(Debug, Clone)]
pub struct Streams {
    /// Standard input.
    pub stdin: Arc<OwnedFd>,
    /// Standard output.
    pub stdout: Arc<OwnedFd>,
    /// Standard error.
    pub stderr: Arc<OwnedFd>,
}

impl Streams {
    /// Those of this process.
    pub fn standard() -> Result<Self, RuntimeError> {
        let copy = |descriptor: BorrowedFd<'_>| {
            let copy = descriptor.try_clone_to_owned();
            copy.map(Arc::new).map_err(|source| RuntimeError::Streams {
                attempt: "copy the standard streams",
                source,
            })
        };
        Ok(Self {
            stdin: copy(io::stdin().as_fd())?,
            stdout: copy(io::stdout().as_fd())?,
            stderr: copy(io::stderr().as_fd())?,
        })
    }
}

/// The size of the terminal that the streams lead to, if they do.
pub(super) fn window_size(streams: &Streams) -> Option<WindowSize> {
    [&streams.stdin, &streams.stdout]
        .into_iter()
        .find_map(|it| rustix::termios::tcgetwinsize(it).ok())
        .map(|size| WindowSize {
            rows: size.ws_row,
            columns: size.ws_col,
        })
}

pub(super) fn attach(
    container: &mut Container,
    streams: &Streams,
    signals: &Signals,
) -> Result<ExitStatus, RuntimeError> {
    let mut relay = match container.child.terminal() {
        Some(master) => Some(Relay::new(master, streams, container.interactive)?),
        None => None,
    };
    let killer = container.child.killer();
    loop {
        let mut polled: Vec<PollFd<'_>> = vec![PollFd::from_borrowed_fd(container.child.pidfd(), PollFlags::IN)];
        polled.extend(
            signals
                .pipes
                .iter()
                .map(|(_, pipe, _)| PollFd::new(pipe, PollFlags::IN)),
        );
        let mut sides = Vec::new();
        for (side, interest) in relay.iter().flat_map(Relay::interests) {
            sides.push(side);
            polled.push(interest);
        }
        match rustix::event::poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(errno) => return Err(streams_error("wait for the streams")(errno.into())),
        }
        let ready: Vec<PollFlags> = polled.iter().map(PollFd::revents).collect();
        drop(polled);
        let (own, others) = ready.split_at(1 + signals.pipes.len());
        for signal in signals.arrived(&own[1..]) {
            match (signal, &relay) {
                (SIGWINCH, Some(relay)) => relay.resize(streams),
                (SIGWINCH, None) => (),
                (signal, _) => killer.signal(signal)?,
            }
        }
        if let Some(it) = &mut relay {
            for (side, _) in sides.iter().zip(others).filter(|(_, ready)| !ready.is_empty()) {
                it.work(*side)?;
            }
        }
        if !own[0].is_empty() {
            let status = container.child.wait()?;
            if let Some(relay) = &mut relay {
                relay.drain()?;
            }
            return Ok(status);
        }
    }
}

fn streams_error(attempt: &'static str) -> impl Fn(io::Error) -> RuntimeError {
    move |source| RuntimeError::Streams { attempt, source }
}

/// The signals that the container should see, as pipes that can be polled.
pub(super) struct Signals {
    pipes: Vec<(i32, UnixStream, SigId)>,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, RuntimeError> {
        Self::registered().map_err(streams_error("listen for the signals"))
    }

    fn registered() -> io::Result<Self> {
        let mut signals = Self { pipes: Vec::new() };
        for signal in [
            SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGALRM, SIGWINCH,
        ] {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            let id = signal_hook::low_level::pipe::register(signal, writer)?;
            signals.pipes.push((signal, reader, id));
        }
        Ok(signals)
    }

    fn arrived<'a>(&'a self, ready: &'a [PollFlags]) -> impl Iterator<Item = i32> + 'a {
        self.pipes
            .iter()
            .zip(ready)
            .filter(|(_, ready)| !ready.is_empty())
            .map(|((signal, pipe, _), _)| {
                // Several of one kind are one, as the kernel has it.
                let mut pipe = pipe;
                while matches!(pipe.read(&mut [0; 64]), Ok(1..)) {}
                *signal
            })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (_, _, id) in &self.pipes {
            signal_hook::low_level::unregister(*id);
        }
    }
}

/// Bytes between the caller's terminal and the container's.
struct Relay<'a> {
    /// The outer end of the container's terminal.
    master: OwnedFd,
    stdin: &'a OwnedFd,
    stdout: &'a OwnedFd,
    /// Input is still expected.
    reading: bool,
    /// The container's terminal is still open on the other side.
    open: bool,
    /// Input that the container has not taken yet.
    pending: Vec<u8>,
    raw: Option<RawMode<'a>>,
}

/// Who can be waited for.
#[derive(Debug, Clone, Copy)]
enum Side {
    Container,
    Caller,
}

/// What ends the input of a terminal: Ctrl-D.
const END_OF_INPUT: u8 = 4;

impl<'a> Relay<'a> {
    fn new(master: OwnedFd, streams: &'a Streams, interactive: bool) -> Result<Self, RuntimeError> {
        rustix::io::ioctl_fionbio(&master, true)
            .map_err(|errno| streams_error("prepare the terminal")(errno.into()))?;
        let raw = if interactive {
            RawMode::enter(&streams.stdin)
        } else {
            None
        };
        Ok(Self {
            master,
            stdin: &streams.stdin,
            stdout: &streams.stdout,
            reading: interactive,
            open: true,
            pending: Vec::new(),
            raw,
        })
    }

    /// What to wait for. A side without interest is left out: its end would be reported again and again.
    fn interests(&self) -> Vec<(Side, PollFd<'_>)> {
        let mut interests = Vec::new();
        if self.open {
            let waiting = if self.pending.is_empty() {
                PollFlags::empty()
            } else {
                PollFlags::OUT
            };
            interests.push((Side::Container, PollFd::new(&self.master, PollFlags::IN | waiting)));
        }
        if self.reading && self.pending.is_empty() {
            interests.push((Side::Caller, PollFd::new(self.stdin, PollFlags::IN)));
        }
        interests
    }

    /// Moves what a side has, or takes.
    fn work(&mut self, side: Side) -> Result<(), RuntimeError> {
        match side {
            Side::Container => {
                self.feed();
                self.copy_output()?;
            }
            Side::Caller => {
                let mut buffer = [0; 4096];
                match rustix::io::read(self.stdin, &mut buffer) {
                    Err(Errno::INTR | Errno::AGAIN) => return Ok(()),
                    Ok(length @ 1..) => self.pending.extend_from_slice(&buffer[..length]),
                    Ok(0) | Err(_) => {
                        self.reading = false;
                        self.pending.push(END_OF_INPUT);
                    }
                }
                self.feed();
            }
        }
        Ok(())
    }

    fn feed(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        match rustix::io::write(&self.master, &self.pending) {
            Ok(written) => drop(self.pending.drain(..written)),
            Err(Errno::INTR | Errno::AGAIN) => (),
            // Nobody is there to read it.
            Err(_) => self.pending.clear(),
        }
    }

    /// Copies what is there; true while there may be more.
    fn copy_output(&mut self) -> Result<bool, RuntimeError> {
        let mut buffer = [0; 16 << 10];
        match rustix::io::read(&self.master, &mut buffer) {
            Ok(length @ 1..) => {
                let mut left = &buffer[..length];
                while !left.is_empty() {
                    match rustix::io::write(self.stdout, left) {
                        Ok(written) => left = &left[written..],
                        Err(Errno::INTR) => (),
                        // Standard output may have been made non-blocking by somebody who shares it.
                        Err(Errno::AGAIN) => {
                            let mut wait = [PollFd::new(self.stdout, PollFlags::OUT)];
                            let _ = rustix::event::poll(&mut wait, None);
                        }
                        Err(errno) => return Err(streams_error("pass on the output")(errno.into())),
                    }
                }
                Ok(true)
            }
            Err(Errno::INTR) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            // A terminal whose other side is closed says EIO.
            Ok(0) | Err(_) => {
                self.open = false;
                Ok(false)
            }
        }
    }

    /// Copies what a container that has ended left behind.
    fn drain(&mut self) -> Result<(), RuntimeError> {
        while self.open && self.copy_output()? {}
        self.raw = None;
        Ok(())
    }

    fn resize(&self, streams: &Streams) {
        if let Some(size) = window_size(streams) {
            let size = Winsize {
                ws_row: size.rows,
                ws_col: size.columns,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            let _ = rustix::termios::tcsetwinsize(&self.master, size);
        }
    }
}

/// The caller's terminal in raw mode; as before when dropped.
struct RawMode<'a> {
    terminal: &'a OwnedFd,
    before: Termios,
}

impl<'a> RawMode<'a> {
    /// `None` where there is no terminal.
    fn enter(terminal: &'a OwnedFd) -> Option<Self> {
        let before = rustix::termios::tcgetattr(terminal).ok()?;
        let mut raw = before.clone();
        // What was typed ahead is for the container: nothing is flushed.
        raw.make_raw();
        rustix::termios::tcsetattr(terminal, OptionalActions::Now, &raw).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for RawMode<'_> {
    fn drop(&mut self) {
        let _ = rustix::termios::tcsetattr(self.terminal, OptionalActions::Drain, &self.before);
    }
}
