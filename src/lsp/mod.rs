//! Answers an editor about the Dockerfiles it has open: protocol messages in, protocol messages out.
//!
//! Enter by [`Server::new`]: [`Server::receive`] takes what [`read`] cut off the stream, [`Server::work`] does one
//! piece of what is waiting and gives what is to be sent with [`write`]. What only the machine knows (settings, files
//! of the context, images of the store) comes from a [`Host`].
//!
//! The protocol is the Language Server Protocol 3.17. Each file here is one thing that an editor asks for; all of them
//! look at a [`Page`](page::Page), an open file as it is now.
//!
//! Invariant: this room reads no file, starts no thread and prints nothing. Whatever a client sends costs an error
//! reply at most.

mod actions;
mod completion;
mod diagnostics;
mod edits;
mod folding;
mod frame;
mod host;
mod hover;
mod message;
mod names;
mod page;
mod place;
mod server;
mod symbols;
#[cfg(test)]
mod tests;
mod texts;
mod tokens;
mod typing;
mod uri;
mod values;

pub use frame::{FrameError, read, write};
pub use host::{Entry, Host, Image, ImageLayer, Rules};
pub use server::Server;
