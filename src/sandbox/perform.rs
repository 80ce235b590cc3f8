//! The child: performs a prepared [`Program`] and becomes the command.
//!
//! This code shares the parent's memory (see [`sys::spawn`](super::sys::spawn)). It makes system
//! calls on what is prepared, and otherwise touches only its own stack: no allocation, no lock, no panic.

use super::places::{file_type, make_target, open_inside};
use super::program::Program;
use super::report::{Fixed, Report, Stage};
use super::root::{mount_root, pivot};
use super::steps::{Steps, attach_to, clone_of, mount_files};
use super::sys;
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::{Errno, IoSlice};
use rustix::mount::MountPropagationFlags;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pty::OpenptFlags;
use std::convert::Infallible;
use std::mem::MaybeUninit;

/// Runs in the child, and tells the parent where it failed.
pub(super) extern "C" fn child_main(program: &Program) -> ! {
    let report_to = sys::inherited(program.report);
    let Err(report) = perform(program);
    report.send(report_to);
    sys::exit(127)
}

pub(super) type Done<T = ()> = Result<T, Report>;

/// Turns an error number into a report about a stage.
pub(super) fn at(stage: Fixed) -> impl Fn(Errno) -> Report {
    move |errno| Report::new(Stage::Fixed(stage), errno)
}

fn perform(program: &Program) -> Done<Infallible> {
    join_groups(program).map_err(at(Fixed::JoinGroup))?;
    // What we make has exactly the mode that we give it.
    rustix::process::umask(Mode::empty());
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change(c"/", private).map_err(at(Fixed::Propagation))?;
    let root = mount_root(program)?;
    let root = root.as_fd();
    let files = match &program.files {
        Some(mount_point) => Some(mount_files(mount_point).map_err(at(Fixed::Files))?),
        None => None,
    };
    let mut steps = Steps {
        root,
        files,
        empty: None,
        report: sys::inherited(program.report),
        tty_group: program.tty_group,
    };
    for (index, step) in program.steps.iter().enumerate() {
        let failed = |errno| Report::new(Stage::Operation(index as u32), errno);
        steps.perform(step).map_err(failed)?;
    }
    let terminal = match program.terminal {
        Some(size) => Some(open_terminal(program, root, size).map_err(at(Fixed::Terminal))?),
        None => None,
    };
    let cwd = make_target(root, &program.cwd).map_err(at(Fixed::WorkingDirectory))?;
    pivot(root).map_err(at(Fixed::Pivot))?;

    rustix::system::sethostname(&program.hostname).map_err(at(Fixed::Hostname))?;
    if program.loopback {
        loopback().map_err(at(Fixed::Loopback))?;
    }
    for (resource, soft, hard) in &program.limits {
        sys::set_limit(*resource, *soft, *hard).map_err(at(Fixed::Limit))?;
    }
    rustix::process::setsid().map_err(at(Fixed::Session))?;
    connect(program, terminal.as_ref().map(AsFd::as_fd)).map_err(at(Fixed::Descriptors))?;
    if terminal.is_some() {
        rustix::process::ioctl_tiocsctty(sys::standard(0)).map_err(at(Fixed::Terminal))?;
    }
    sys::close_on_exec_from(3).map_err(at(Fixed::Descriptors))?;
    rustix::process::fchdir(&cwd).map_err(at(Fixed::WorkingDirectory))?;
    give_up_privileges(program)?;
    rustix::process::umask(Mode::from_raw_mode(program.umask));
    follow_parent(program)?;
    sys::reset_signals().map_err(at(Fixed::Signals))?;
    execute(program)
}

/// Enters the command's control groups, and makes them the topmost that it sees.
fn join_groups(program: &Program) -> Result<(), Errno> {
    if program.groups_to_join.is_empty() {
        return Ok(());
    }
    for members in &program.groups_to_join {
        rustix::io::write(sys::inherited(*members), b"0")?;
    }
    sys::new_cgroup_namespace()
}

// ---- terminal, descriptors ----

/// Makes a terminal in the sandbox' own `/dev/pts`, sends its other end to the parent and returns this one.
fn open_terminal(program: &Program, root: BorrowedFd<'_>, size: super::command::WindowSize) -> Result<OwnedFd, Errno> {
    let master = open_inside(root, c"/dev/pts/ptmx", OFlags::RDWR | OFlags::NOCTTY)?;
    rustix::pty::unlockpt(&master)?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
    let size = rustix::termios::Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&master, size)?;
    rustix::fs::fchown(&slave, Some(Uid::from_raw(program.uid)), None)?;
    // The first terminal of a new devpts is number 0. Only a setup with a console has the file.
    match open_inside(root, c"/dev/console", OFlags::PATH) {
        Ok(console) => {
            let node = open_inside(root, c"/dev/pts/0", OFlags::PATH)?;
            attach_to(&clone_of(node.as_fd(), false)?, &console)?;
        }
        Err(Errno::NOENT) => (),
        Err(errno) => return Err(errno),
    }
    let socket = sys::inherited(program.socket.ok_or(Errno::BADF)?);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [master.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    rustix::net::sendmsg(socket, &[IoSlice::new(b"t")], &mut control, SendFlags::empty())?;
    Ok(slave)
}

fn connect(program: &Program, terminal: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
    if let Some(terminal) = terminal {
        return (0..3).try_for_each(|number| sys::duplicate_to(terminal, number));
    }
    // First away from 0, 1 and 2, which the loop below overwrites.
    let [stdin, stdout, stderr] = program.stdio.map(move_away);
    for (number, descriptor) in [(0, stdin?), (1, stdout?), (2, stderr?)] {
        // A pipe belongs to whoever made it, and opening /dev/stdout is opening it again: let the user do so.
        if program.uid != 0 && file_type(descriptor.as_fd())? == FileType::Fifo {
            let _ = rustix::fs::fchown(&descriptor, Some(Uid::from_raw(program.uid)), None);
        }
        sys::duplicate_to(descriptor.as_fd(), number)?;
    }
    Ok(())
}

fn move_away(number: RawFd) -> Result<OwnedFd, Errno> {
    rustix::io::fcntl_dupfd_cloexec(sys::inherited(number), 3)
}

fn loopback() -> Result<(), Errno> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType};
    // Any socket will do; a kernel without IPv4 has no `lo` address to care about either.
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .or_else(|_| rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None))?;
    sys::loopback_up(socket)
}

// ---- privileges, and the command ----

fn give_up_privileges(program: &Program) -> Done {
    if program.no_new_privileges {
        rustix::thread::set_no_new_privs(true).map_err(at(Fixed::Seccomp))?;
    }
    // While we may: without "no new privileges" the kernel asks for CAP_SYS_ADMIN. What follows
    // is in Docker's profile, which runc needs for the same reason.
    if let Some(filter) = &program.filter {
        sys::install_filter(filter).map_err(at(Fixed::Seccomp))?;
    }
    for capability in 0..64 {
        if program.capabilities & (1 << capability) == 0
            && !sys::drop_bounding(capability).map_err(at(Fixed::Bounding))?
        {
            break;
        }
    }
    if let Some(groups) = &program.groups {
        rustix::thread::set_thread_groups(groups).map_err(at(Fixed::Groups))?;
    }
    let gid = Gid::from_raw(program.gid);
    rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(at(Fixed::Groups))?;
    let uid = Uid::from_raw(program.uid);
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(at(Fixed::User))?;
    let capabilities = if program.uid == 0 {
        program.capabilities & program.own_capabilities
    } else {
        0
    };
    sys::clear_ambient().map_err(at(Fixed::Capabilities))?;
    sys::set_capabilities(capabilities).map_err(at(Fixed::Capabilities))
}

/// Ties this process' life to the parent's.
fn follow_parent(program: &Program) -> Done {
    // A change of user clears this, so it comes late.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(at(Fixed::Parent))?;
    // It says nothing of a parent that was dead already; but nobody would hold the other end of the pipe then.
    let mut report = [PollFd::from_borrowed_fd(
        sys::inherited(program.report),
        PollFlags::empty(),
    )];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut report, Some(&now)).map_err(at(Fixed::Parent))?;
    if report[0].revents().contains(PollFlags::ERR) {
        return Err(at(Fixed::Parent)(Errno::PIPE));
    }
    Ok(())
}

/// Tries the candidates as execvp(3) does, without its habit of giving unknown files to a shell.
fn execute(program: &Program) -> Done<Infallible> {
    let mut worst = Errno::NOENT;
    for path in &program.candidates {
        match sys::execute(path, &program.argv, &program.env) {
            // The file may be there and its interpreter or dynamic linker not.
            Errno::NOENT => {
                if rustix::fs::accessat(CWD, path, rustix::fs::Access::EXISTS, AtFlags::empty()).is_ok() {
                    return Err(at(Fixed::Interpreter)(Errno::NOENT));
                }
            }
            Errno::NOTDIR | Errno::NODEV | Errno::STALE | Errno::TIMEDOUT | Errno::NAMETOOLONG => (),
            Errno::ACCESS => worst = Errno::ACCESS,
            errno => return Err(at(Fixed::Exec)(errno)),
        }
    }
    Err(at(Fixed::Exec)(worst))
}
