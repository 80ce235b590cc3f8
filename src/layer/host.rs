//! What this process may do to the trees it writes.

/// How this process can write trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// Where overlayfs looks for its marks.
    pub overlay_xattrs: OverlayXattrs,
    /// Whether owners can be kept on disk.
    pub ownership: Ownership,
    /// Whether device nodes can be made. Where not, an empty file stands for each, and the listing alone knows.
    pub devices: bool,
}

/// The name space of overlayfs' extended attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlayXattrs {
    /// `trusted.overlay.…`: mounts made by root of the initial user namespace.
    Trusted,
    /// `user.overlay.…`: mounts with the option `userxattr`, as in other user namespaces.
    User,
}

/// Where owners are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// On disk: this process may give files to every id it meets.
    Mapped,
    /// In listings only: this process has a single id, so nothing on disk changes hands.
    Recorded,
}

impl OverlayXattrs {
    /// The beginning of the attributes' names.
    pub fn prefix(self) -> &'static [u8] {
        match self {
            Self::Trusted => b"trusted.overlay.",
            Self::User => b"user.overlay.",
        }
    }

    /// The attribute that makes a directory opaque when it is `y`.
    pub fn opaque(self) -> &'static str {
        match self {
            Self::Trusted => "trusted.overlay.opaque",
            Self::User => "user.overlay.opaque",
        }
    }
}
