//! Walks the plan with many workers and owns order, cancellation and events.
//!
//! Enter by [`run`]: a graph and an implementation of [`Work`] in, one result per step out.
//! A step is looked up first and performed only when it is not done; look-ups happen on the calling thread, so a
//! fully cached build starts no thread.
//!
//! Invariant: this room does not know what a step does; `execute` implements [`Work`], and tests do it by arithmetic.

mod cancel;
mod event;
mod walk;

pub use cancel::{Cancel, Cancelled, OnCancel};
pub use event::{Event, Listener, Stream};
pub use walk::{Failure, Inputs, Lookup, Results, Work, run};

#[cfg(test)]
mod tests;
