//! Removing what a step worked with, beside the steps that follow.

use super::remove::remove;
use super::root::Root;
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Removes things of `tmp/` on a thread of its own, which starts with the first of them and ends with the store.
///
/// An overlay leaves half a dozen folders per command, and removing a folder is the dearest thing that a file system
/// does. Who is killed before leaves them to the next sweep: each is locked until it is gone.
#[derive(Debug)]
pub(super) struct Remover {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    root: Arc<Root>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    /// Names and their locks.
    leftovers: VecDeque<(String, OwnedFd)>,
    ended: bool,
}

impl Remover {
    pub(super) fn new(root: Arc<Root>) -> Self {
        Self {
            shared: Arc::new(Shared {
                root,
                queue: Mutex::default(),
                changed: Condvar::new(),
            }),
            thread: Mutex::default(),
        }
    }

    /// Has a locked name removed soon.
    pub(super) fn remove(&self, name: String, lock: OwnedFd) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            *thread = std::thread::Builder::new()
                .name("varve-remover".to_owned())
                .spawn(move || shared.work())
                .ok();
        }
        if thread.is_none() {
            // No thread to be had: then now. What can't be removed is left to the next sweep.
            let _ = remove(self.shared.root.fd.as_fd(), &name);
            return;
        }
        self.shared.queue().leftovers.push_back((name, lock));
        self.shared.changed.notify_one();
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        self.shared.queue().ended = true;
        self.shared.changed.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It panics never, and if it did all the same, the next sweep would do its work.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Removes until nothing is left and the store is closed.
    fn work(&self) {
        let mut queue = self.queue();
        loop {
            if let Some((name, lock)) = queue.leftovers.pop_front() {
                drop(queue);
                let _ = remove(self.root.fd.as_fd(), &name);
                drop(lock);
                queue = self.queue();
            } else if queue.ended {
                return;
            } else {
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
