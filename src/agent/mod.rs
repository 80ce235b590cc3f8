//! Offers ssh agents by id: those of the machine behind a filter, and keys that the build itself holds.
//!
//! [`Agents`] maps ids (`--ssh`) to [`Source`]s. [`Source::serve`] listens on a socket for as long as the returned
//! [`Serving`] lives: in a folder whose socket is then shown to a sandbox, or, with [`Source::serve_on_machine`], where
//! a program of this machine can reach it by its path (`SSH_AUTH_SOCK`), such as the `ssh` that git starts.
//!
//! Invariant: a client can have the keys listed and have something signed, and nothing else; it can neither take a key
//! out nor put one in. What a client sends is bounded, and no thread outlives a [`Serving`].

mod der;
mod error;
mod key;
mod keyring;
mod openssh;
mod serve;
mod source;
mod wire;

pub use error::AgentError;
pub use keyring::Keyring;
pub use serve::{Access, Serving};
pub use source::{Agents, Source};

#[cfg(test)]
mod tests;
