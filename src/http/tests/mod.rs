//! A server on the loopback interface, and how the client fares with it.

mod client;
mod server;

pub(crate) use server::{Answer, Asked, Server};
