//! Sets of Linux capabilities (capabilities(7)).

use std::fmt;

/// One capability; the number is the kernel's (`include/uapi/linux/capability.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of capabilities(7) without `CAP_`")]
#[expect(non_camel_case_types, reason = "the kernel's spelling is what people search for")]
#[repr(u8)]
pub enum Capability {
    CHOWN,
    DAC_OVERRIDE,
    DAC_READ_SEARCH,
    FOWNER,
    FSETID,
    KILL,
    SETGID,
    SETUID,
    SETPCAP,
    LINUX_IMMUTABLE,
    NET_BIND_SERVICE,
    NET_BROADCAST,
    NET_ADMIN,
    NET_RAW,
    IPC_LOCK,
    IPC_OWNER,
    SYS_MODULE,
    SYS_RAWIO,
    SYS_CHROOT,
    SYS_PTRACE,
    SYS_PACCT,
    SYS_ADMIN,
    SYS_BOOT,
    SYS_NICE,
    SYS_RESOURCE,
    SYS_TIME,
    SYS_TTY_CONFIG,
    MKNOD,
    LEASE,
    AUDIT_WRITE,
    AUDIT_CONTROL,
    SETFCAP,
    MAC_OVERRIDE,
    MAC_ADMIN,
    SYSLOG,
    WAKE_ALARM,
    BLOCK_SUSPEND,
    AUDIT_READ,
    PERFMON,
    BPF,
    CHECKPOINT_RESTORE,
}

use Capability::{
    AUDIT_CONTROL, AUDIT_READ, AUDIT_WRITE, BLOCK_SUSPEND, BPF, CHECKPOINT_RESTORE, CHOWN, DAC_OVERRIDE,
    DAC_READ_SEARCH, FOWNER, FSETID, IPC_LOCK, IPC_OWNER, KILL, LEASE, LINUX_IMMUTABLE, MAC_ADMIN, MAC_OVERRIDE, MKNOD,
    NET_ADMIN, NET_BIND_SERVICE, NET_BROADCAST, NET_RAW, PERFMON, SETFCAP, SETGID, SETPCAP, SETUID, SYS_ADMIN,
    SYS_BOOT, SYS_CHROOT, SYS_MODULE, SYS_NICE, SYS_PACCT, SYS_PTRACE, SYS_RAWIO, SYS_RESOURCE, SYS_TIME,
    SYS_TTY_CONFIG, SYSLOG, WAKE_ALARM,
};

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CAP_{self:?}")
    }
}

impl Capability {
    /// All of them, in the kernel's order.
    pub const ALL: [Self; 41] = [
        CHOWN,
        DAC_OVERRIDE,
        DAC_READ_SEARCH,
        FOWNER,
        FSETID,
        KILL,
        SETGID,
        SETUID,
        SETPCAP,
        LINUX_IMMUTABLE,
        NET_BIND_SERVICE,
        NET_BROADCAST,
        NET_ADMIN,
        NET_RAW,
        IPC_LOCK,
        IPC_OWNER,
        SYS_MODULE,
        SYS_RAWIO,
        SYS_CHROOT,
        SYS_PTRACE,
        SYS_PACCT,
        SYS_ADMIN,
        SYS_BOOT,
        SYS_NICE,
        SYS_RESOURCE,
        SYS_TIME,
        SYS_TTY_CONFIG,
        MKNOD,
        LEASE,
        AUDIT_WRITE,
        AUDIT_CONTROL,
        SETFCAP,
        MAC_OVERRIDE,
        MAC_ADMIN,
        SYSLOG,
        WAKE_ALARM,
        BLOCK_SUSPEND,
        AUDIT_READ,
        PERFMON,
        BPF,
        CHECKPOINT_RESTORE,
    ];
}

/// A set of capabilities.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(u64);

impl Capabilities {
    /// No capability.
    pub const NONE: Self = Self(0);

    /// Everything the kernel knows, now and later.
    pub const ALL: Self = Self(u64::MAX);

    /// What Docker and BuildKit leave to a container.
    pub const CONTAINER: Self = Self::of(&[
        CHOWN,
        DAC_OVERRIDE,
        FSETID,
        FOWNER,
        MKNOD,
        NET_RAW,
        SETGID,
        SETUID,
        SETFCAP,
        SETPCAP,
        NET_BIND_SERVICE,
        SYS_CHROOT,
        KILL,
        AUDIT_WRITE,
    ]);

    /// The set of exactly these.
    #[must_use]
    pub const fn of(list: &[Capability]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < list.len() {
            bits |= 1 << list[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether `one` is in the set.
    #[must_use]
    pub const fn has(self, one: Capability) -> bool {
        self.0 & (1 << one as u8) != 0
    }

    /// The members, in the kernel's order.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::ALL.into_iter().filter(move |one| self.has(*one))
    }

    /// The set as the kernel writes it: bit n is capability n.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("{all}");
        }
        f.debug_set().entries(self.iter()).finish()
    }
}
