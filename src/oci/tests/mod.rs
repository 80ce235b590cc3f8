//! Layouts, read back and judged by the types of the `oci-spec` crate.

mod documents;
mod layouts;
