//! Reads Dockerfile text into a tree with spans and never fails.
//!
//! Enter by [`parse`]: text in, a [`Parsed`] with the tree and whatever was wrong out. [`parse_instruction`] reads
//! the trigger that a base image carries. [`ast_json`] shows a tree as the official parser would, and [`Joined`] says where each byte of an
//! instruction's joined line stands in the file.
//!
//! Two passes: `lines` joins continuations and keeps the way back to the file's offsets, then `instruction` reads one
//! joined line with the small parsers of `words`, `json` and `heredoc`. A broken instruction costs a diagnostic and
//! nothing else; the next one is read as usual. The language is written down in `grammar/dockerfile.ungram`.
//!
//! Invariant: this room decides nothing. Quotes, escapes and variables stay in the words, stages and ports are not
//! looked at, and no file is opened.

mod ast;
mod directive;
mod heredoc;
mod instruction;
mod json;
mod keyword;
mod lines;
mod parse;
mod rules;
mod tree;
mod words;

pub use ast::ast_json;
pub use keyword::{FlagKind, FlagRule};
pub use lines::Joined;
pub use parse::{Parsed, ParsedInstruction, parse, parse_instruction};
pub use tree::*;
