//! Holds OCI documents as immutable values and reads and writes layouts of them.

mod config;

pub use config::{Empty, Healthcheck, History, ImageConfig, RootFs, RunConfig};
