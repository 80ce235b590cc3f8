//! Tests of the room: text and configs in, graphs out.

mod conformance;
mod epoch;
mod images;
mod limits;
mod lower;
mod merge;
mod problems;
mod random;
