//! What can go wrong with an agent, in words.

use std::io;
use std::path::PathBuf;

/// Why there is no agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No path was given, and there is no agent in the caller's surroundings.
    #[error("no socket or key was given, and the variable `SSH_AUTH_SOCK` is not set")]
    NoPath,
    /// Two agents with one id.
    #[error("the id `{0}` is given twice")]
    Twice(String),
    /// A socket beside something else.
    #[error("`{}` is an agent's socket, which can't be given together with anything else", .0.display())]
    NotAlone(PathBuf),
    /// A file that can't be looked at or read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that holds no usable key.
    #[error("cannot use `{}`: {source}", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// The agent of the machine does not answer.
    #[error("cannot reach the ssh agent at `{}`", path.display())]
    Unreachable {
        /// Its socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A socket could not be made.
    #[error("cannot {action} the agent's socket `{}`", path.display())]
    Socket {
        /// What was tried.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl AgentError {
    /// What may help, as a sentence; `None` when the error says it all.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { .. } => Some("it may have ended; `ssh-add -l` tells whether it answers"),
            Self::Socket {
                action: SET_OWNER,
                source,
                ..
            } if source.kind() == io::ErrorKind::InvalidInput || source.kind() == io::ErrorKind::PermissionDenied => {
                Some("its owner may have a number that does not exist here; `/etc/subuid` and `/etc/subgid` grant more")
            }
            _ => None,
        }
    }
}

/// What is tried when a socket gets its owner.
pub(super) const SET_OWNER: &str = "set the owner of";

/// Why a file is no usable private key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is protected.
    #[error("the key is protected by a passphrase; add it to an agent with `ssh-add`, and give that agent")]
    Passphrase,
    /// It is a public key.
    #[error("this is a public key; give the private one")]
    Public,
    /// It is a key in PuTTY's own form.
    #[error("this is a key of PuTTY; write it in OpenSSH's form with `puttygen`")]
    Putty,
    /// A kind of key that is not signed with here.
    #[error("keys of the kind `{0}` are not read here; add it to an agent with `ssh-add`, and give that agent")]
    Kind(String),
    /// It looks like nothing known.
    #[error("this is neither a socket nor a private key in OpenSSH's or PEM form")]
    Unknown,
    /// It is larger than keys are.
    #[error("larger than 100 KiB, which no key is")]
    Large,
    /// It begins like a key, and is none.
    #[error("the key is damaged: {0}")]
    Damaged(&'static str),
    /// It reads well, and its numbers make no key.
    #[error("the key is refused: {0}")]
    Refused(String),
}
