//! From what failed and how to what may help.

use super::error::{ExecFailure, SandboxError};
use rustix::io::Errno;
use std::io;

impl SandboxError {
    /// What may help, as one or two sentences; `None` when the error says it all.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::Invalid { .. } | Self::Wait { .. } | Self::Signal { .. } => return None,
            Self::Prepare { source, .. } => match errno(source)? {
                Errno::NOSPC | Errno::DQUOT => FULL,
                Errno::ROFS => "the store must be on a file system that can be written",
                Errno::LOOP => "the image's symbolic links lead in a circle there",
                _ => return None,
            },
            Self::Group { source, .. } => match errno(source)? {
                Errno::ACCESS | Errno::PERM | Errno::ROFS => GROUPS,
                Errno::BUSY => BUSY_GROUP,
                Errno::NOENT => "the kernel was built, or started, without this limit",
                Errno::INVAL | Errno::RANGE => {
                    "the kernel refuses the value, which may be more than the group above has"
                }
                Errno::NOSPC => "there are too many control groups",
                _ => return None,
            },
            Self::NoController { .. } => GROUPS,
            Self::Clone { source } => match errno(source)? {
                Errno::PERM => NO_NAMESPACES,
                Errno::NOSPC => "too many namespaces exist; the limits are in `/proc/sys/user/max_*_namespaces`",
                Errno::AGAIN => "there are too many processes; `ulimit -u` and the `pids` control group limit them",
                Errno::NOSYS | Errno::INVAL => OLD_KERNEL,
                Errno::NOMEM => "the machine has no memory left for another process",
                _ => return None,
            },
            Self::Setup { attempt, source, .. } => return setup(attempt, errno(source)?).map(str::to_owned),
            Self::Exec { failure, .. } => match failure {
                ExecFailure::NotFound => {
                    "the name is looked up in the image, in the directories of its PATH; an image from `scratch` has no shell"
                }
                ExecFailure::MissingInterpreter => {
                    "the file exists; the program in its `#!` line (mind Windows line ends), or the dynamic linker \
                     it was built for (glibc or musl), is not in the image"
                }
                ExecFailure::PermissionDenied => "the file must be executable for the user, and not a directory",
                ExecFailure::Format => {
                    "it may be built for another processor, or be a script without a `#!` line; \
                     programs for other processors need an emulator registered in binfmt_misc"
                }
                ExecFailure::TooLong => "a heredoc or a COPY can carry a long script",
                ExecFailure::Other => return None,
            },
            Self::UserNamespace { source, .. } => match errno(source)? {
                Errno::PERM | Errno::ACCESS => USER_NAMESPACES,
                Errno::NOSPC => {
                    "`/proc/sys/user/max_user_namespaces` is the limit; 0 switches user namespaces off, and they nest 32 deep"
                }
                Errno::NOSYS => "this kernel was built without user namespaces",
                Errno::INVAL => "a user namespace must be entered before the first thread is started",
                _ => return None,
            },
        };
        Some(advice.to_owned())
    }
}

const GROUPS: &str = "limits need control groups that this user may change: run as root, in a group that is delegated \
    (`systemd-run --user --scope -p Delegate=yes varve build …`), or name one with `--cgroup-parent`";
const BUSY_GROUP: &str = "a control group with processes in it can't pass limits on: give the build one of its own \
    (`systemd-run --user --scope -p Delegate=yes varve build …`), or name one with `--cgroup-parent`";
const FULL: &str = "the disk is full";
const OLD_KERNEL: &str = "sandboxes need Linux 5.12 or newer";
const NO_NAMESPACES: &str = "creating namespaces is forbidden here; inside another container that takes `--security-opt \
    seccomp=unconfined` (and for AppArmor `--security-opt apparmor=unconfined`)";
const USER_NAMESPACES: &str = "user namespaces are forbidden here. Look at `sysctl kernel.unprivileged_userns_clone` (1 allows), \
    `sysctl kernel.apparmor_restrict_unprivileged_userns` (0 allows), and in a container at its seccomp profile; or run as root";

fn setup(attempt: &str, errno: Errno) -> Option<&'static str> {
    let about = |words: &[&str]| words.iter().any(|word| attempt.starts_with(word));
    Some(match errno {
        Errno::NOSPC | Errno::DQUOT => FULL,
        Errno::NOSYS => OLD_KERNEL,
        Errno::MFILE | Errno::NFILE => "too many files are open; `ulimit -n` is the limit",
        Errno::INVAL if about(&["become user", "become group"]) => {
            "that number does not exist here: this process has too few subordinate ids. \
             `/etc/subuid` and `/etc/subgid` grant them, `newuidmap` and `newgidmap` apply them"
        }
        Errno::INVAL if about(&["mount a file in memory", "make the directory"]) => {
            "its owner may have a number that does not exist here; `/etc/subuid` and `/etc/subgid` grant more"
        }
        Errno::INVAL if about(&["mount an overlay"]) => {
            "the upper directory's file system may not carry overlays (an overlay itself, NFS, or one without extended attributes), \
             or the work directory is on another one; the kernel log says more"
        }
        Errno::INVAL if about(&["change the root"]) => {
            "the root directory of this process is not a mount point, as in a chroot or an initial ram disk"
        }
        Errno::LOOP if about(&["mount an overlay"]) => "one of the directories is inside another one",
        Errno::NODEV if about(&["mount an overlay"]) => "this kernel has no overlayfs; `modprobe overlay` may load it",
        Errno::BUSY if about(&["mount an overlay"]) => "the upper or work directory is in use by another overlay",
        Errno::TOOBIG | Errno::NAMETOOLONG if about(&["mount an overlay"]) => {
            "the image has more layers than this kernel can lay over each other; Linux 6.8 takes 500"
        }
        Errno::PERM | Errno::ACCESS if about(&["mount", "keep mounts", "change the root"]) => {
            "mounting is forbidden here, as in a container without `CAP_SYS_ADMIN` or under a security module; \
             the kernel log or `audit.log` may say which"
        }
        Errno::PERM if about(&["set the resource limits"]) => "limits can only be lowered without CAP_SYS_RESOURCE",
        Errno::PERM if about(&["filter system calls"]) => "a filter needs CAP_SYS_ADMIN or `no_new_privs`",
        Errno::NOTDIR => "a file can only be mounted on a file, and a directory on a directory",
        Errno::NOENT if about(&["mount", "make"]) => "a symbolic link on the way there leads nowhere inside the image",
        Errno::NOENT if about(&["open a terminal"]) => "a terminal needs `/dev` to be mounted",
        Errno::LOOP => "a symbolic link on the way there leads out of the image, or in a circle",
        Errno::PIPE => "the process that asked for the command has ended",
        _ => return None,
    })
}

fn errno(error: &io::Error) -> Option<Errno> {
    Errno::from_io_error(error)
}
