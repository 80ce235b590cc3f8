//! Programs of the machine that help a build, outside of any sandbox.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Makes a program end with the thread that starts it, whatever becomes of varve, and gives what it writes the usual
/// modes (a umask of 022), whatever the caller's are. It leads a process group of its own, so that its own helpers can
/// be ended with it.
///
/// The thread has to wait for it: the kernel kills the program with it.
pub fn leash(command: &mut Command) {
    command.process_group(0);
    super::sys::end_with_parent(command);
}
