//! Where an agent's signatures come from.

use super::error::{AgentError, KeyError};
use super::keyring::Keyring;
use super::serve::{Access, Serving};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The agents of one build, by their ids.
#[derive(Debug, Clone, Default)]
pub struct Agents(BTreeMap<String, Source>);

impl Agents {
    /// The id of an agent that is asked for without one.
    pub const DEFAULT: &'static str = "default";

    /// Adds an agent.
    ///
    /// # Errors
    /// [`AgentError::Twice`] when there is one of that id.
    pub fn add(&mut self, id: &str, source: Source) -> Result<(), AgentError> {
        match self.0.entry(id.to_owned()) {
            Entry::Occupied(_) => Err(AgentError::Twice(id.to_owned())),
            Entry::Vacant(place) => {
                place.insert(source);
                Ok(())
            }
        }
    }

    /// The agent of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Source> {
        self.0.get(id)
    }
}

/// One agent.
#[derive(Debug, Clone)]
pub enum Source {
    /// An agent of the machine, by the path of its socket.
    Agent(PathBuf),
    /// Keys that this process holds.
    Keys(Arc<Keyring>),
}

/// Bytes of the largest key file that is read.
const LARGEST_KEY: u64 = 100 << 10;

impl Source {
    /// One socket of an agent, or files with private keys.
    ///
    /// # Errors
    /// [`AgentError`] when a path leads to nothing, a key can't be used, or a socket is not alone.
    pub fn open(paths: &[PathBuf]) -> Result<Self, AgentError> {
        let mut keys = Keyring::default();
        for path in paths {
            let read = |source| AgentError::Read {
                path: path.clone(),
                source,
            };
            let metadata = std::fs::metadata(path).map_err(read)?;
            if metadata.file_type().is_socket() {
                if paths.len() > 1 {
                    return Err(AgentError::NotAlone(path.clone()));
                }
                return Ok(Self::Agent(std::path::absolute(path).map_err(read)?));
            }
            let key = |source| AgentError::Key {
                path: path.clone(),
                source,
            };
            // Pipes are read as files are: shells make them of `<(command)`.
            let file = File::open(path).map_err(read)?;
            let mut bytes = Vec::new();
            file.take(LARGEST_KEY + 1).read_to_end(&mut bytes).map_err(read)?;
            if bytes.len() as u64 > LARGEST_KEY {
                return Err(key(KeyError::Large));
            }
            keys.add(&bytes, &path.display().to_string()).map_err(key)?;
        }
        if keys.is_empty() {
            return Err(AgentError::NoPath);
        }
        Ok(Self::Keys(Arc::new(keys)))
    }

    /// Listens on a new socket in `folder`, which nobody else may enter, until the result is dropped. The socket is
    /// meant to be mounted somewhere.
    ///
    /// # Errors
    /// [`AgentError::Socket`].
    pub fn serve(&self, folder: &Path, access: Access) -> Result<Serving, AgentError> {
        Serving::start(self, folder, access)
    }

    /// The same for a program of this machine that reaches the socket by its path: where `folder`'s path is too long
    /// for that, the socket is in a folder of its own in `/tmp`.
    ///
    /// The program gets it as `SSH_AUTH_SOCK`; [`Serving::path`] is the value.
    ///
    /// # Errors
    /// [`AgentError::Socket`].
    pub fn serve_on_machine(&self, folder: &Path) -> Result<Serving, AgentError> {
        Serving::start_within_reach(self, folder)
    }

    /// Asks the agent of the machine whether it is there; keys always are.
    ///
    /// # Errors
    /// [`AgentError::Unreachable`].
    pub fn check(&self) -> Result<(), AgentError> {
        match self {
            Self::Keys(_) => Ok(()),
            Self::Agent(path) => {
                super::serve::connect(path, || false)
                    .map(drop)
                    .map_err(|source| AgentError::Unreachable {
                        path: path.clone(),
                        source,
                    })
            }
        }
    }
}
