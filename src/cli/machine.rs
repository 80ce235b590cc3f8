//! The machine varve runs on: where its store is, what it may do here, and signals.

use super::failure::{Exit, Failure};
use crate::layer::{Host, OverlayXattrs, Ownership};
use crate::sandbox::{self, Entered, Ownership as Ids};
use crate::schedule::Cancel;
use crate::store::Store;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::path::{Path, PathBuf};

/// The place where builds and containers happen.
pub(super) struct Machine {
    root: PathBuf,
    entered: Entered,
}

impl Machine {
    /// Becomes able to make trees and sandboxes: a user who is not root enters a user namespace. Has to come before
    /// the first thread.
    pub(super) fn enter(root: Option<&Path>) -> Result<Self, Failure> {
        let root = store_root(root)?;
        let entered = sandbox::enter().map_err(|error| Failure::caused(&error, Exit::Failed))?;
        Ok(Self { root, entered })
    }

    /// The store, for looking only.
    pub(super) fn store_alone(root: Option<&Path>) -> Result<Store, Failure> {
        open(&store_root(root)?)
    }

    /// Where the store is, or would be.
    pub(super) fn store_directory(root: Option<&Path>) -> Result<PathBuf, Failure> {
        store_root(root)
    }

    /// The store, swept of what killed programs left behind.
    pub(super) fn store(&self) -> Result<Store, Failure> {
        let store = open(&self.root)?;
        // What can't be swept is in nobody's way.
        let _ = store.sweep();
        Ok(store)
    }

    /// What a user should know about this place.
    pub(super) fn note(&self) -> Option<String> {
        match &self.entered.ownership {
            Ids::Machine | Ids::Mapped => None,
            Ids::Single(why) => Some(format!("files can have one owner only here, since {why}")),
        }
    }

    pub(super) fn host(&self) -> Host {
        let is_machine = self.entered.ownership == Ids::Machine;
        Host {
            overlay_xattrs: if is_machine {
                OverlayXattrs::Trusted
            } else {
                OverlayXattrs::User
            },
            ownership: match self.entered.ownership {
                Ids::Machine | Ids::Mapped => Ownership::Mapped,
                Ids::Single(_) => Ownership::Recorded,
            },
            devices: is_machine,
        }
    }
}

fn open(root: &Path) -> Result<Store, Failure> {
    Store::open(root).map_err(|error| Failure::caused(&error, Exit::Failed))
}

/// The store's directory: as given, or root's or the user's own.
fn store_root(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(root) = given {
        return std::path::absolute(root)
            .map_err(|error| Failure::machine(format!("cannot use the store `{}`: {error}", root.display())));
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/varve"));
    }
    let variable = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    variable("XDG_DATA_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("varve"))
        .ok_or_else(|| Failure::machine("no place for the store: set HOME, or give --root"))
}

/// Listens for signals while it lives.
pub(super) struct Listening(Handle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Turns `cancel` at Ctrl-C, SIGTERM or SIGHUP; a second signal ends the program at once, and with it every
/// command's namespace.
pub(super) fn cancel_on_signals(cancel: &std::sync::Arc<Cancel>) -> Result<Listening, Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::machine(format!("cannot listen for signals: {error}")))?;
    let handle = signals.handle();
    let cancel = std::sync::Arc::clone(cancel);
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if cancel.is_cancelled() {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            cancel.cancel();
        }
    });
    Ok(Listening(handle))
}
