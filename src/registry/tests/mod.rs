//! Pulls from registries that refuse, lie and break, and pushes to them.

mod pulls;
mod pushes;
mod referring;
pub(crate) mod registry;
