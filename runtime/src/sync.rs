//! The facade of synchronisation: everything by which threads of this crate speak to each other goes through the
//! names below.
//!
//! [`crate::threads`]' pool is the only user. Its file names `super::sync` and is compiled once more for each model
//! checker, beside a facade of the same names (`checked/loom.rs`, `checked/shuttle.rs`), so that what a checker steps
//! is the shipped text and not a copy. That is why the checkers are features which *add* modules, and not a `cfg`
//! that replaces this one: a build with every feature on still has real threads here.
//!
//! Signatures stay those of std and crossbeam; the four functions and types at the end are what neither has.

pub(crate) use crossbeam_deque::{Steal, Stealer, Worker as Deque};
pub(crate) use crossbeam_utils::sync::{Parker, Unparker};
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};
pub(crate) use std::thread::JoinHandle;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long one who waits looks before it parks.
const SPIN: Duration = Duration::from_micros(50);

/// How long one who waits goes on looking. The checkers' has none left from the beginning: looking again is then the
/// schedule's choice, and no clock is among the inputs.
pub(crate) struct Patience {
    until: Instant,
}

impl Patience {
    /// A fresh one.
    pub(crate) fn new() -> Self {
        Self { until: Instant::now() + SPIN }
    }

    /// Whether to look once more; pauses a little if so.
    pub(crate) fn is_left(&self) -> bool {
        std::hint::spin_loop();
        Instant::now() < self.until
    }
}

/// Locks, and says whether the lock was taken at first. The checkers' does not look first: it would only double what
/// there is to explore.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> (MutexGuard<'_, T>, bool) {
    match mutex.try_lock() {
        Ok(guard) => (guard, false),
        Err(_) => (mutex.lock().unwrap_or_else(PoisonError::into_inner), true),
    }
}

/// Starts a thread; none when the system has none to give.
pub(crate) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(body).ok()
}

/// Runs `body`; none when it panicked.
pub(crate) fn contain<R>(body: impl FnOnce() -> R) -> Option<R> {
    // What the panic carries is leaked: dropping it may panic too, and the runtime is poisoned by now.
    catch_unwind(AssertUnwindSafe(body)).map_err(std::mem::forget).ok()
}

/// Wrong turns of the pool that only a checked build can take; the table of them is `checked/slip.rs`.
macro_rules! slip {
    ($name:ident) => {
        false
    };
}
pub(crate) use slip;
