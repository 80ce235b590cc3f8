//! Whether, and how, this process may lay directories over each other.

use rustix::fs::XattrFlags;
use rustix::io::Errno;
use rustix::mount::FsOpenFlags;
use std::fs;
use std::path::Path;

/// How overlays work on a file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverlaySupport {
    /// With marks in `trusted.overlay.*`, as for root of the machine.
    Trusted,
    /// With marks in `user.overlay.*`, as in a user namespace.
    UserXattr,
    /// Not at all.
    Unavailable(
        /// The reason, as the end of a sentence.
        String,
    ),
}

/// Tries an overlay in `dir` without mounting it anywhere; `dir` is left as it was.
///
/// It takes about as long as ten file operations. The answer holds for the file system of `dir` and this process.
#[must_use]
pub fn probe_overlay(dir: &Path) -> OverlaySupport {
    let base = dir.join(format!(".overlay-probe-{}", std::process::id()));
    let answer = probe(&base);
    // Overlayfs left `work/work` without permissions; removing it needs none.
    let _ = fs::remove_dir_all(&base);
    match answer {
        Ok(support) => support,
        Err(reason) => OverlaySupport::Unavailable(reason),
    }
}

fn probe(base: &Path) -> Result<OverlaySupport, String> {
    let in_base = |error: std::io::Error| format!("`{}` cannot be written: {error}", base.display());
    fs::create_dir(base).map_err(in_base)?;
    for name in ["lower", "upper", "work"] {
        fs::create_dir(base.join(name)).map_err(in_base)?;
    }
    let upper = base.join("upper");
    let mark = |name: &str| rustix::fs::lsetxattr(&upper, name, b"y", XattrFlags::empty());
    let support = match mark("trusted.overlay.varve") {
        Ok(()) => OverlaySupport::Trusted,
        Err(_) => match mark("user.overlay.varve") {
            Ok(()) => OverlaySupport::UserXattr,
            Err(Errno::OPNOTSUPP) => return Err("its file system has no extended attributes for users".to_owned()),
            Err(errno) => return Err(format!("extended attributes cannot be set: {errno}")),
        },
    };
    create(base, support == OverlaySupport::UserXattr).map_err(|errno| match errno {
        Errno::NODEV => "this kernel has no overlayfs".to_owned(),
        Errno::PERM | Errno::ACCESS => "this process may not mount file systems".to_owned(),
        Errno::NOSYS => "overlays need Linux 5.12 or newer".to_owned(),
        Errno::INVAL => "the kernel refuses overlays on its file system, which may itself be an overlay".to_owned(),
        errno => errno.to_string(),
    })?;
    Ok(support)
}

fn create(base: &Path, userxattr: bool) -> Result<(), Errno> {
    let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    // Paths may be long or odd; a descriptor never is.
    let open = |name: &str| {
        use rustix::fs::{Mode, OFlags};
        rustix::fs::open(base.join(name), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
    };
    for (key, name) in [("lowerdir", "lower"), ("upperdir", "upper"), ("workdir", "work")] {
        use rustix::fd::AsRawFd;
        let directory = open(name)?;
        let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
        rustix::mount::fsconfig_set_string(&context, key, path)?;
        // Older kernels look the path up only when the overlay is made.
        std::mem::forget(directory);
    }
    if userxattr {
        rustix::mount::fsconfig_set_flag(&context, "userxattr")?;
    }
    rustix::mount::fsconfig_create(&context)
}
