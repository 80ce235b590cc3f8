//! Fetches over HTTP with limits, retries and credentials that stay with their host.
//!
//! Enter by [`Client::send`]: a [`Request`] in, a [`Response`] with a body to read out; [`download`] reads a large body
//! and goes on where it broke off. A client that sends nothing costs nothing: no thread, no socket, no certificate.
//!
//! Invariant: this room reads no environment. Proxies and certificates are in [`Settings`]; an `Authorization` header
//! goes to the origin that it was given for and to no other, and no error shows a password, token or signature.

mod body;
mod client;
mod date;
mod download;
mod error;
mod proxy;
mod relay;
mod request;
mod roots;
mod url;

#[cfg(test)]
pub(crate) mod tests;

pub use body::Body;
pub use client::{Client, Identity, Patience, Settings};
pub use date::parse_date;
pub use download::{Resume, download};
pub use error::HttpError;
pub use proxy::Proxies;
pub use request::{Method, Request, Response, basic};
pub use roots::Roots;
pub use url::Url;
