//! What the child tells its parent before it becomes the command: failures, and what it had to do differently.

use rustix::fd::BorrowedFd;
use rustix::io::Errno;

/// Where in the child something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// At a fixed stage.
    Fixed(Fixed),
    /// At the operation with this number.
    Operation(u32),
}

/// The stages that every child goes through, besides its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Fixed {
    JoinGroup = FIXED,
    Propagation,
    Root,
    Files,
    Pivot,
    Hostname,
    Loopback,
    Limit,
    Session,
    Terminal,
    Descriptors,
    WorkingDirectory,
    Seccomp,
    Bounding,
    Groups,
    User,
    Capabilities,
    Signals,
    Parent,
    Exec,
    Interpreter,
    // Notes.
    HostProc,
    HostSys,
    KernelSays,
}

const FIXED: u32 = 0x1000_0000;

impl Fixed {
    const ALL: [Self; 24] = [
        Self::JoinGroup,
        Self::Propagation,
        Self::Root,
        Self::Files,
        Self::Pivot,
        Self::Hostname,
        Self::Loopback,
        Self::Limit,
        Self::Session,
        Self::Terminal,
        Self::Descriptors,
        Self::WorkingDirectory,
        Self::Seccomp,
        Self::Bounding,
        Self::Groups,
        Self::User,
        Self::Capabilities,
        Self::Signals,
        Self::Parent,
        Self::Exec,
        Self::Interpreter,
        Self::HostProc,
        Self::HostSys,
        Self::KernelSays,
    ];
}

/// A failure or a note.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    pub(super) stage: Stage,
    pub(super) errno: Errno,
}

const TEXT: usize = 244;
/// Bytes of a report as it is sent; a pipe takes as many at once.
pub(super) const SIZE: usize = 12 + TEXT;

impl Report {
    /// A report about a stage.
    pub(super) fn new(stage: Stage, errno: Errno) -> Self {
        Self { stage, errno }
    }

    /// Writes the report; there is nobody to tell when that fails.
    pub(super) fn send(self, to: BorrowedFd<'_>) {
        self.send_with(&[], to);
    }

    /// Writes what the kernel has to say about the file system behind an fsopen(2) descriptor.
    ///
    /// Its log is a queue of messages such as `e overlay: …`.
    pub(super) fn send_log_of(context: BorrowedFd<'_>, to: BorrowedFd<'_>) {
        let mut message = [0; TEXT];
        while let Ok(length @ 1..) = rustix::io::read(context, &mut message) {
            if let Some(text) = message.get(..length).and_then(|it| it.strip_prefix(b"e ")) {
                Self::new(Stage::Fixed(Fixed::KernelSays), Errno::IO).send_with(text, to);
            }
        }
    }

    fn send_with(self, text: &[u8], to: BorrowedFd<'_>) {
        let mut bytes = [0; SIZE];
        let stage = match self.stage {
            Stage::Fixed(fixed) => fixed as u32,
            Stage::Operation(index) => index,
        };
        let head = [stage, self.errno.raw_os_error().cast_unsigned(), text.len() as u32];
        for (to, word) in bytes.chunks_exact_mut(4).zip(head) {
            to.copy_from_slice(&word.to_ne_bytes());
        }
        for (to, from) in bytes.iter_mut().skip(12).zip(text) {
            *to = *from;
        }
        let _ = rustix::io::write(to, &bytes);
    }

    /// Reads back what was sent: the report, and the kernel's words if it carries some.
    pub(super) fn parse(bytes: &[u8; SIZE]) -> Option<(Self, String)> {
        let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
        let stage = word(0)?;
        let stage = match Fixed::ALL.into_iter().find(|it| *it as u32 == stage) {
            Some(fixed) => Stage::Fixed(fixed),
            None => Stage::Operation(stage),
        };
        let errno = Errno::from_raw_os_error(word(4)?.cast_signed());
        let text = bytes.get(12..)?.get(..word(8)? as usize)?;
        Some((Self { stage, errno }, String::from_utf8_lossy(text).trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_survive_the_pipe() {
        let (reader, writer) = std::io::pipe().unwrap();
        for stage in [
            Stage::Operation(7),
            Stage::Fixed(Fixed::Exec),
            Stage::Fixed(Fixed::HostSys),
        ] {
            use rustix::fd::AsFd;
            Report::new(stage, Errno::NOSPC).send(writer.as_fd());
            let mut bytes = [0; SIZE];
            std::io::Read::read_exact(&mut &reader, &mut bytes).unwrap();
            let (report, text) = Report::parse(&bytes).unwrap();
            assert_eq!((report.stage, report.errno), (stage, Errno::NOSPC));
            assert_eq!(text, "");
        }
    }
}
