//! What happens during a build, as a closed list.

use crate::cache::MissReason;
use crate::plan::StepId;
use std::time::Duration;

/// Which of a command's outputs a piece of text came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Something that happened to a step.
#[derive(Debug, Clone)]
pub enum Event {
    /// Its work began, because its result was not there.
    Started {
        /// Which step.
        step: StepId,
        /// Why it was not there.
        reason: MissReason,
    },
    /// Its command wrote something; the bytes are as they came, possibly cut in the middle of a line.
    Output {
        /// Which step.
        step: StepId,
        /// Where it was written.
        stream: Stream,
        /// What was written.
        bytes: Vec<u8>,
    },
    /// It is done in another way than usual; what that means.
    Noted {
        /// Which step.
        step: StepId,
        /// One sentence.
        text: String,
    },
    /// Its result was there.
    Reused {
        /// Which step.
        step: StepId,
        /// Who had it, if it was not the store.
        from: Option<String>,
    },
    /// Its work is done.
    Built {
        /// Which step.
        step: StepId,
        /// From the start of the work to its end.
        duration: Duration,
    },
    /// It failed; the build ends with this step's error.
    Failed {
        /// Which step.
        step: StepId,
        /// From the start of the work to its end.
        duration: Duration,
        /// Why, in one sentence.
        error: String,
    },
    /// It was stopped since another step failed or the build was cancelled.
    Stopped {
        /// Which step.
        step: StepId,
    },
}

/// Hears events, from any thread.
pub trait Listener: Sync {
    /// Takes one event; called in the order in which things happened to one step.
    fn hear(&self, event: Event);
}

impl<F: Fn(Event) + Sync> Listener for F {
    fn hear(&self, event: Event) {
        self(event);
    }
}
