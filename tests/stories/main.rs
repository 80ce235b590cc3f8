//! Stories of the whole program, told at the command line: one module per topic.
//!
//! `KEEP=1` leaves the workbenches of tests where they are.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    reason = "a test that unwraps is a test that fails, and tells why on standard error"
)]

#[path = "../support/mod.rs"]
mod support;

mod annotations;
mod attestations;
mod cache;
mod checks;
mod config;
mod context;
mod copying;
mod epoch;
mod errors;
mod first_light;
mod fixing;
mod git;
mod git_access;
mod git_contexts;
mod hostile;
mod images;
mod interrupted;
mod inventories;
mod limits;
mod lint;
mod lint_images;
mod lint_peers;
mod lint_settings;
mod locking;
mod lsp;
mod manifests;
mod matrix;
mod mirrors;
mod mounts;
mod network;
mod outputs;
mod peers;
mod platforms;
mod progress;
mod pulling;
mod push;
mod questions;
mod reproducible;
mod rootless;
mod running;
mod sandbox;
mod shared_cache;
mod shared_hosts;
mod ssh;
