//! Tests of the room: text in, values out.

mod expand;
mod scope;
mod stages;
