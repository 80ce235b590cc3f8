//! The system calls that neither std nor rustix wraps; all of the room's unsafe code.
//!
//! Everything here except [`Stack`] allocates nothing and takes no lock, so that the child may call
//! it between clone and exec.
#![expect(
    unsafe_code,
    reason = "clone3 and a few younger system calls have no safe wrapper; each block argues its case"
)]

use libc::{c_char, c_int, c_long, c_void, sock_filter};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use rustix::io::Errno;
use std::ffi::CStr;
use std::io;
use std::ptr;

/// `struct clone_args` of clone3(2), first version with a cgroup.
#[repr(C)]
#[derive(Debug, Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;

/// A child's stack: memory of its own with a page below it that faults.
#[derive(Debug)]
struct Stack {
    base: *mut c_void,
    size: usize,
}

impl Stack {
    /// Only pages that are touched cost memory. Debug builds need about 20 KiB.
    const SIZE: usize = 256 << 10;
    const GUARD: usize = 64 << 10;

    fn new() -> io::Result<Self> {
        let size = Self::SIZE + Self::GUARD;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no memory of ours.
        let base = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Self { base, size };
        // SAFETY: the range is the low end of the mapping made above, which nothing refers to yet.
        if unsafe { libc::mprotect(base, Self::GUARD, libc::PROT_NONE) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stack)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and the child that ran on it has executed another program or ended:
        // `spawn` returns no earlier.
        unsafe { libc::munmap(self.base, self.size) };
    }
}

/// Starts a process in new namespaces that runs `main(argument)`; returns its id and a descriptor for it.
///
/// The child shares this process' memory until it executes a program or ends, and the calling
/// thread sleeps as long (CLONE_VM | CLONE_VFORK): no page tables are copied, however large the process is.
/// Other threads go on. Why that is sound, given that `main` keeps the contract of [`ChildMain`]:
///
/// - the child runs on a stack of its own and `argument` outlives it, because this function does not
///   return before the child is done with both;
/// - the calling thread sleeps, so the thread-local storage they share (errno) has one user at a time;
/// - no signal handler of ours can run in the child: CLONE_CLEAR_SIGHAND resets them all as part of the clone;
/// - descriptors, working directory, umask, signal actions, credentials and limits are copies: only memory is shared.
///
/// One mark belongs to the shared memory rather than to the process: a change of user in the child makes
/// this process "not dumpable" (prctl(2)), which forbids other processes of the user to trace it. We leave it so.
pub(super) fn spawn<T: Sync>(
    namespaces: c_int,
    main: ChildMain<T>,
    argument: &T,
) -> Result<(u32, OwnedFd), SpawnError> {
    let stack = Stack::new().map_err(SpawnError::Memory)?;
    let mut pidfd: c_int = -1;
    let mut arguments = CloneArguments {
        flags: CLONE_CLEAR_SIGHAND
            | (libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD) as u64
            | u64::from(namespaces.cast_unsigned()),
        pidfd: &raw mut pidfd as u64,
        exit_signal: libc::SIGCHLD as u64,
        stack: stack.base as u64,
        stack_size: stack.size as u64,
        ..CloneArguments::default()
    };
    // SAFETY: `arguments` is a valid `clone_args` whose stack is unused memory of that size. The child enters
    // `main` at once on it and never comes back; see above for what it shares.
    // The cast forgets `T` only: `main` gets the `&T` that it asks for.
    let result = unsafe {
        clone3(
            &raw mut arguments,
            main as *const c_void,
            ptr::from_ref(argument).cast::<c_void>(),
        )
    };
    if result < 0 {
        return Err(SpawnError::Clone(io::Error::from_raw_os_error(-result as i32)));
    }
    // SAFETY: the kernel stored a new descriptor, which nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok((result as u32, pidfd))
}

/// What a child runs: it must not allocate, lock, unwind, change what `argument` refers to, or return.
pub(super) type ChildMain<T> = extern "C" fn(&T) -> !;

/// Why there is no child.
#[derive(Debug)]
pub(super) enum SpawnError {
    /// There is no memory for its stack.
    Memory(io::Error),
    /// The kernel refused.
    Clone(io::Error),
}

/// Calls clone3(2); in the child, calls `main(argument)` on the new stack.
///
/// # Safety
/// `arguments` must describe a stack that is unused and large enough, `main` must never return.
#[cfg(target_arch = "x86_64")]
unsafe fn clone3(arguments: *mut CloneArguments, main: *const c_void, argument: *const c_void) -> c_long {
    let result: c_long;
    // SAFETY: in the parent this is an ordinary system call, which clobbers rcx and r11. The child starts
    // behind `syscall` with the same registers but rsp at the (16-byte aligned) top of its stack; it has no
    // frame to go back to, so it must call, and `main` does not return.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r13",
            "call r12",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => result,
            in("rdi") arguments,
            in("rsi") size_of::<CloneArguments>(),
            in("r12") main,
            in("r13") argument,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// Calls clone3(2); in the child, calls `main(argument)` on the new stack.
///
/// # Safety
/// `arguments` must describe a stack that is unused and large enough, `main` must never return.
#[cfg(target_arch = "aarch64")]
unsafe fn clone3(arguments: *mut CloneArguments, main: *const c_void, argument: *const c_void) -> c_long {
    let result: c_long;
    // SAFETY: as on x86-64; the kernel keeps all registers but x0.
    unsafe {
        std::arch::asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, x20",
            "blr x21",
            "brk 1",
            "2:",
            inlateout("x0") arguments => result,
            in("x1") size_of::<CloneArguments>(),
            in("x8") libc::SYS_clone3,
            in("x20") argument,
            in("x21") main,
        );
    }
    result
}

/// Replaces the process by a program; returns only on failure.
///
/// `argv` and `env` are arrays of pointers to strings that end in a null pointer.
pub(super) fn execute(path: &CStr, argv: &Pointers, env: &Pointers) -> Errno {
    // SAFETY: `Pointers` ends in null and its strings live as long as it does; execve only reads them.
    unsafe { libc::execve(path.as_ptr(), argv.pointers.as_ptr(), env.pointers.as_ptr()) };
    last_errno()
}

/// An array of C strings, as execve(2) wants it.
#[derive(Debug)]
pub(super) struct Pointers {
    pointers: Vec<*const c_char>,
    _strings: Vec<std::ffi::CString>,
}

impl Pointers {
    /// Keeps the strings and points at them.
    pub(super) fn new(strings: Vec<std::ffi::CString>) -> Self {
        let pointers = strings.iter().map(|it| it.as_ptr()).chain([ptr::null()]).collect();
        Self {
            pointers,
            _strings: strings,
        }
    }
}

// SAFETY: the pointers lead to the strings beside them, which never change.
unsafe impl Sync for Pointers {}

/// Ends the process without running anything of its memory.
pub(super) fn exit(status: c_int) -> ! {
    // SAFETY: exit_group(2) takes a number and never returns.
    unsafe { libc::_exit(status) }
}

/// `struct mount_attr` of mount_setattr(2).
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Adds `MOUNT_ATTR_*` bits to a mount, and to those below it if `recursive`.
pub(super) fn add_mount_attributes(mount: BorrowedFd<'_>, bits: u32, recursive: bool) -> Result<(), Errno> {
    let attributes = MountAttributes {
        set: u64::from(bits),
        clear: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string and the size that of the structure.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<MountAttributes>(),
        )
    })
}

/// Makes the control groups of the calling process the topmost that it sees.
pub(super) fn new_cgroup_namespace() -> Result<(), Errno> {
    // SAFETY: a number; no memory or descriptors stop being shared by this flag.
    check(unsafe { libc::syscall(libc::SYS_unshare, libc::CLONE_NEWCGROUP) })
}

/// Marks all descriptors from `first` on as closed by exec.
pub(super) fn close_on_exec_from(first: RawFd) -> Result<(), Errno> {
    const CLOSE_RANGE_CLOEXEC: c_int = 4;
    // SAFETY: three numbers; nothing is closed before the exec that ends our use of the descriptors.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, c_int::MAX, CLOSE_RANGE_CLOEXEC) })
}

/// Makes `descriptor` be number `number` too, without close-on-exec.
pub(super) fn duplicate_to(descriptor: BorrowedFd<'_>, number: RawFd) -> Result<(), Errno> {
    // SAFETY: the child's descriptor table is its own; it uses 0, 1 and 2 for nothing else.
    check(unsafe { libc::syscall(libc::SYS_dup3, descriptor.as_raw_fd(), number, 0) })
}

/// Gives every signal its default action and unblocks all.
///
/// CLONE_CLEAR_SIGHAND leaves ignored signals ignored, and Rust programs ignore SIGPIPE.
pub(super) fn reset_signals() -> Result<(), Errno> {
    const SIGSET_BYTES: usize = 8;
    // All architectures' `struct sigaction` of the kernel are at most four words; zero is SIG_DFL.
    let action = [0_u64; 4];
    for signal in 1..=64 {
        // SAFETY: the structure is large enough and no old action is asked for. The two signals
        // that cannot be changed fail with EINVAL, which is what we want.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                action.as_ptr(),
                ptr::null::<u64>(),
                SIGSET_BYTES,
            )
        };
    }
    let none = 0_u64;
    // SAFETY: the set has the size that is passed, and no old set is asked for.
    check(unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none,
            ptr::null::<u64>(),
            SIGSET_BYTES,
        )
    })
}

/// Installs a seccomp filter for the calling thread.
pub(super) fn install_filter(filter: &[sock_filter]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| Errno::INVAL)?,
        filter: filter.as_ptr().cast_mut(),
    };
    let install = |flags: u64| {
        // SAFETY: `program` describes `filter`, which the kernel copies and does not change.
        check(unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                flags,
                &raw const program,
            )
        })
    };
    // Filtered programs need not be slowed down by mitigations against each other; runc decides so too.
    const SPEC_ALLOW: u64 = 4;
    match install(SPEC_ALLOW) {
        Err(Errno::INVAL) => install(0),
        done => done,
    }
}

/// Sets a resource limit of the calling process.
pub(super) fn set_limit(resource: u32, soft: u64, hard: u64) -> Result<(), Errno> {
    let limit = [soft, hard];
    // SAFETY: `struct rlimit64` is two 64-bit words, and no old limit is asked for.
    check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, limit.as_ptr(), ptr::null::<u64>()) })
}

/// Sets the capability sets of the calling thread: effective and permitted to `bits`, inheritable to none.
pub(super) fn set_capabilities(bits: u64) -> Result<(), Errno> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let (low, high) = (bits as u32, (bits >> 32) as u32);
    let data = [low, low, 0, high, high, 0];
    // SAFETY: version 3 takes a header of two words and two triples of words.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) })
}

/// Effective and permitted capabilities of the calling thread.
pub(super) fn capabilities() -> Result<(u64, u64), Errno> {
    const VERSION_3: u32 = 0x2008_0522;
    let mut header = [VERSION_3, 0];
    let mut data = [0_u32; 6];
    // SAFETY: version 3 fills two triples of words.
    check(unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), data.as_mut_ptr()) })?;
    let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
    Ok((join(data[0], data[3]), join(data[1], data[4])))
}

/// Takes a capability out of the bounding set; false when the kernel knows no such capability.
pub(super) fn drop_bounding(capability: u32) -> Result<bool, Errno> {
    // SAFETY: prctl with numbers only.
    let result = check(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_CAPBSET_DROP, capability, 0, 0, 0) });
    match result {
        Err(Errno::INVAL) => Ok(false),
        other => other.map(|()| true),
    }
}

/// Empties the ambient set.
pub(super) fn clear_ambient() -> Result<(), Errno> {
    // SAFETY: prctl with numbers only.
    check(unsafe {
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_CLEAR_ALL,
            0,
            0,
            0,
        )
    })
}

/// Switches on the loopback interface of the network namespace.
pub(super) fn loopback_up(socket: impl AsFd) -> Result<(), Errno> {
    /// `struct ifreq`: a name and a union, of which we use the flags.
    #[repr(C)]
    struct Request {
        name: [u8; 16],
        flags: i16,
        rest: [u8; 22],
    }
    let mut request = Request {
        name: *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        flags: libc::IFF_UP as i16 | libc::IFF_RUNNING as i16,
        rest: [0; 22],
    };
    // SAFETY: `request` has the size and layout of `struct ifreq` for this command, which only reads it.
    check(unsafe {
        libc::syscall(
            libc::SYS_ioctl,
            socket.as_fd().as_raw_fd(),
            libc::SIOCSIFFLAGS,
            &raw mut request,
        )
    })
}

/// A second process, forked from this one while it has a single thread.
pub(super) enum Forked {
    /// In the new process.
    Child,
    /// In the old one, with the new one's id.
    Parent(u32),
}

/// Forks. The caller makes sure that there is no other thread.
pub(super) fn fork() -> io::Result<Forked> {
    // SAFETY: with a single thread no lock is held by anybody who would be missing in the child.
    match unsafe { libc::fork() } {
        0 => Ok(Forked::Child),
        id if id > 0 => Ok(Forked::Parent(id.cast_unsigned())),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Moves this process into new namespaces.
pub(super) fn unshare(namespaces: c_int) -> Result<(), Errno> {
    // SAFETY: no descriptor table, memory or signal actions are unshared: only namespaces.
    check(unsafe { libc::syscall(libc::SYS_unshare, namespaces) })
}

fn check(result: c_long) -> Result<(), Errno> {
    if result < 0 { Err(last_errno()) } else { Ok(()) }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// The standard descriptor `number` of this process, for as long as nobody closes it.
pub(super) fn standard(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: 0, 1 and 2 are open in every process that Rust's runtime started: it opens /dev/null for missing ones.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// A descriptor of the parent, in a child that has a copy of its table.
pub(super) fn inherited(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the parent sleeps in `spawn` while it owns the descriptor, and the child never closes it.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// Has the kernel kill a program of std's when the thread that starts it ends, and gives it a umask of 022.
pub(super) fn end_with_parent(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt as _;
    // SAFETY: between fork and exec only two system calls are made; nothing is allocated and no lock is taken.
    unsafe {
        command.pre_exec(|| {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            Ok(())
        });
    }
}
