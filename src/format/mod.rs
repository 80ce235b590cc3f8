//! Lays a Dockerfile out evenly, and proves that it still says the same.
//!
//! Enter by [`format`]: text in, evenly laid out text out. [`is_same_instruction`] and [`atoms`] are the means of the
//! proof, which corrections of other rooms use as well.
//!
//! Invariant: whatever the text, what comes out has the tree of what went in, apart from places, descriptions, the
//! case of keywords and blanks that mean nothing; lists that a `# varve: sort` marks may have another order. A text
//! that the parser finds errors in is not touched.

mod layout;
mod pieces;
mod same;
mod shell;
mod sort;
#[cfg(test)]
mod tests;

pub use layout::{FormatError, format};
pub use same::{is_same_instruction, is_same_text};
pub use shell::{Atom, Dialect, Kind, atoms};
