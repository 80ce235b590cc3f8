//! Shows the user's files through `.dockerignore` and digests what a COPY selects.
//!
//! Enter by [`LocalContext`], a directory of the user's as a listing, and by [`select`], which takes out of any root
//! file system what a COPY, an ADD or a bind mount names. [`find_dockerfile`] reads the Dockerfile and its ignore
//! file, and [`read_stream`] tells a context in a stream from a Dockerfile.
//!
//! Invariant: nothing outside the context directory is ever read, whatever links, names or patterns say; and no
//! file's content is read when the stat index knows it.

mod digest;
mod error;
mod glob;
mod ignore;
mod index;
mod listed;
mod local;
mod lookup;
mod patterns;
mod reach;
mod record;
mod select;
mod source;
mod stat;
mod stream;
mod tree;

#[cfg(test)]
mod tests;

pub use digest::{Overrides, digest_of};
pub use error::{ContextError, PatternError};
pub use glob::Glob;
pub use ignore::Ignore;
pub use listed::ListedContext;
pub use local::{ContextWork, LocalContext};
pub use lookup::{FoundDockerfile, FoundIgnore, find_dockerfile, find_ignore};
pub use patterns::{Covered, Patterns};
pub use select::{Form, Hints, SelectError, SelectRequest, Selected, SelectedEntry, Selection, select};
pub use source::SourcePattern;
pub use stream::{Context, EmptyContext, Stream, TarStream, read_stream};
