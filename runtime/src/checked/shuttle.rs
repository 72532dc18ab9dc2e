//! The pool on shuttle: schedules drawn at random, for pools too large to explore. Every atomic is sequentially
//! consistent here, so orders of memory are loom's business alone.

/// The facade, with shuttle's primitives. See [`crate::sync`].
pub(crate) mod sync {
    pub(crate) use super::model::{Deque, Parker, Patience, Stealer, Unparker, contain, lock, slip};
    pub(crate) use crossbeam_deque::Steal;
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use shuttle::thread::JoinHandle;

    /// Starts a thread.
    pub(crate) fn spawn(_name: String, body: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
        Some(shuttle::thread::spawn(body))
    }
}

#[allow(clippy::duplicate_mod, reason = "the same text on another checker's primitives is the point")]
#[path = "model.rs"]
mod model;
#[allow(clippy::duplicate_mod, reason = "the same text on another checker's primitives is the point")]
#[path = "../threads/pool.rs"]
pub mod pool;
