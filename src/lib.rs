//! varve builds container images from Dockerfiles.
//!
//! `docs/ARCHITECTURE.md` lists these rooms with what each may import; `tests/architecture.rs` holds them to it.

pub mod agent;
pub mod attest;
pub mod build;
pub mod cache;
pub mod cli;
pub mod context;
pub mod diagnostic;
pub mod digest;
pub mod dockerfile;
pub mod exchange;
pub mod execute;
pub mod export;
pub mod format;
pub mod git;
pub mod http;
pub mod images;
pub mod inventory;
pub mod layer;
pub mod lint;
pub mod lsp;
pub mod oci;
pub mod pins;
pub mod plan;
pub mod registry;
pub mod resolve;
pub mod runtime;
pub mod sandbox;
pub mod schedule;
pub mod store;
