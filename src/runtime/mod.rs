//! Runs an image as a container.
//!
//! Fill a [`RunRequest`], then call [`run`], or [`start`] and [`Container::attach`] to hold a
//! handle in between. [`bundle`] writes the same request down for another OCI runtime.
//!
//! Invariant: the image is never changed; what the container writes is in the request's upper directory.
//! This room does not know where the image came from: directories, a config and two texts are all it takes.

mod attach;
mod bundle;
mod error;
mod request;
mod start;

pub use attach::Streams;
pub use bundle::bundle;
pub use error::RuntimeError;
pub use request::{BindMount, RunRequest};
pub use start::{Container, run, start};

#[cfg(test)]
mod tests;
