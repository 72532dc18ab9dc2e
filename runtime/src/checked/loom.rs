//! The pool on loom: every interleaving and every value that a load may see, within a bound.

/// The facade, with loom's primitives. See [`crate::sync`].
pub(crate) mod sync {
    pub(crate) use super::model::{Deque, Parker, Patience, Stealer, Unparker, contain, lock, slip};
    pub(crate) use crossbeam_deque::Steal;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use loom::thread::JoinHandle;

    /// Starts a thread.
    pub(crate) fn spawn(_name: String, body: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
        Some(loom::thread::spawn(body))
    }
}

#[allow(clippy::duplicate_mod, reason = "the same text on another checker's primitives is the point")]
#[path = "model.rs"]
mod model;
#[allow(clippy::duplicate_mod, reason = "the same text on another checker's primitives is the point")]
#[path = "../threads/pool.rs"]
pub mod pool;
