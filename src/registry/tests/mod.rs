//! Pulls from registries that refuse, lie and break.

mod pulls;
mod registry;
