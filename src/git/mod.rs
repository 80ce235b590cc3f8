//! Fetches commits of git repositories by the program `git`, which sees nothing of the user's settings.
//!
//! Enter by [`Git::session`]: [`Session::look_up`] tells which commit a [`GitSource`](crate::plan::GitSource) means, and
//! [`Session::check_out`] puts its files into an empty directory.
//!
//! Invariant: `git` runs with an environment of its own, without the user's or the machine's configuration, without
//! hooks, prompts and credential helpers, and speaks http, https, ssh and git only. It writes below the directories
//! that it is given. It ends when the build does.

mod checkout;
mod error;
mod fetch;
mod program;
mod refs;

#[cfg(test)]
mod tests;

pub use error::GitError;
pub use refs::Commit;

use crate::http::{Proxies, Roots};
use crate::plan::GitSource;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How git reaches repositories.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where programs are looked for, as in `PATH`.
    pub path: OsString,
    /// Proxies.
    pub proxies: Proxies,
    /// Certificates of trusted authorities.
    pub roots: Roots,
    /// Host keys that are known; a host that is not among them is believed, and one with another key is not.
    pub known_hosts: Option<PathBuf>,
    /// How long to wait.
    pub patience: Patience,
}

/// How long git may take without a sign of life.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the list of refs.
    pub refs: Duration,
    /// For the next word about a fetch.
    pub fetch: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            refs: Duration::from_secs(120),
            fetch: Duration::from_secs(300),
        }
    }
}

/// Fetches for one build.
#[derive(Debug, Clone)]
pub struct Git {
    settings: Settings,
    stopped: Arc<AtomicBool>,
}

impl Git {
    /// Nothing is run yet. Soon after `stopped` becomes true, everything that runs is killed.
    pub fn new(settings: Settings, stopped: Arc<AtomicBool>) -> Self {
        Self { settings, stopped }
    }

    /// Work on one source, in `scratch`: an empty directory that the caller removes afterwards.
    ///
    /// `credentials` are those for the source's remote.
    pub fn session<'a>(
        &'a self,
        source: &'a GitSource,
        credentials: Credentials<'a>,
        scratch: &'a Path,
    ) -> Session<'a> {
        Session {
            git: self,
            source,
            credentials,
            scratch,
        }
    }
}

/// What opens one repository.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// An `Authorization` header, over http.
    pub authorization: Option<&'a str>,
    /// The socket of an agent whose keys are offered, over ssh; without one none is.
    pub ssh_agent: Option<&'a Path>,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("ssh_agent", &self.ssh_agent)
            .finish_non_exhaustive()
    }
}

/// Work on one source.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    git: &'a Git,
    source: &'a GitSource,
    credentials: Credentials<'a>,
    scratch: &'a Path,
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("source", self.source)
            .finish_non_exhaustive()
    }
}
