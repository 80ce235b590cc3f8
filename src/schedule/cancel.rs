//! Cancellation: one switch per build that reaches every worker and every child process.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The build was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

type Action = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Actions {
    next: u64,
    waiting: BTreeMap<u64, Action>,
}

/// A switch that is turned once.
#[derive(Default)]
pub struct Cancel {
    on: Arc<AtomicBool>,
    actions: Mutex<Actions>,
}

/// Takes the action back when dropped.
#[must_use = "the action is taken back when this is dropped"]
#[derive(Debug)]
pub struct OnCancel<'a> {
    cancel: &'a Cancel,
    id: Option<u64>,
}

impl Cancel {
    /// A switch that is not turned.
    pub fn new() -> Self {
        Self::default()
    }

    /// Turns the switch and runs all waiting actions; later calls do nothing.
    pub fn cancel(&self) {
        self.on.store(true, Ordering::SeqCst);
        let waiting = std::mem::take(&mut self.actions().waiting);
        for action in waiting.into_values() {
            action();
        }
    }

    /// Whether the switch was turned.
    pub fn is_cancelled(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// The switch as a flag that only tells, for code that knows nothing of builds.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.on)
    }

    /// [`Cancelled`] when the switch was turned; for use with `?` between two pieces of work.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Runs `action` when the switch is turned while the returned guard lives; at once if it was turned before.
    pub fn on_cancel(&self, action: impl FnOnce() + Send + 'static) -> OnCancel<'_> {
        let mut actions = self.actions();
        // Looked at under the lock: `cancel` sets the switch before it takes the lock, so that an action is either
        // seen by it or sees the switch.
        if self.is_cancelled() {
            drop(actions);
            action();
            return OnCancel { cancel: self, id: None };
        }
        let id = actions.next;
        actions.next += 1;
        actions.waiting.insert(id, Box::new(action));
        OnCancel {
            cancel: self,
            id: Some(id),
        }
    }

    fn actions(&self) -> MutexGuard<'_, Actions> {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OnCancel<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.cancel.actions().waiting.remove(&id);
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancel")
            .field("on", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}
