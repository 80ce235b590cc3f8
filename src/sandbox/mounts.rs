//! What is refused below a mount point.

use std::fmt;
use std::ops::BitOr;

/// What is refused below a mount point; the bits are the kernel's `MOUNT_ATTR_*`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u32);

impl Flags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Writing.
    pub const READ_ONLY: Self = Self(1);
    /// Privileges from setuid programs.
    pub const NOSUID: Self = Self(2);
    /// Opening devices.
    pub const NODEV: Self = Self(4);
    /// Executing.
    pub const NOEXEC: Self = Self(8);

    /// Whether all of `other` is refused.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The kernel's bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::READ_ONLY, "ro"),
            (Self::NOSUID, "nosuid"),
            (Self::NODEV, "nodev"),
            (Self::NOEXEC, "noexec"),
        ];
        let mut set = names
            .iter()
            .filter(|(one, _)| self.contains(*one))
            .map(|(_, name)| *name);
        f.write_str(set.next().unwrap_or("-"))?;
        set.try_for_each(|name| write!(f, ",{name}"))
    }
}
