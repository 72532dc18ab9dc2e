//! Models of what the checkers cannot step: crossbeam's deque and its parker; and the facade's own words without a
//! clock.
//!
//! *Deque.* Contents under a lock, and beside them their number in an atomic that looks from outside read without the
//! lock. A push, a pop and a steal that succeeds each take effect at one point inside the lock, so they are
//! linearizable, as crossbeam's are. Answers that there is nothing are deliberately weak: they come from the number
//! alone, read with `Acquire`, so they may be as old as happens-before and the caller's own fences leave room for.
//! crossbeam has fences inside `steal` and `is_empty`; the model has none, so an argument that holds here does not lean
//! on them. A thief that finds the number telling otherwise than the contents answers `Retry`.
//!
//! *Parker.* One token: `unpark` puts it there, `park` waits until it is there and takes it. Everything before an
//! `unpark` happens before the return of the `park` that took its token. Unlike crossbeam's it never wakes for nothing;
//! every call of `park` stands in a loop that looks again.

use super::sync::{Arc, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};
use crate::checked::slip::Planned;
use crossbeam_deque::Steal;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;

struct Inner<T> {
    items: Mutex<VecDeque<T>>,
    len: AtomicUsize,
}

impl<T> Inner<T> {
    fn with<R>(&self, change: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = change(&mut items);
        self.len.store(items.len(), Ordering::Release);
        answer
    }
}

/// The owner's end.
pub(crate) struct Deque<T> {
    inner: Arc<Inner<T>>,
    take: fn(&mut VecDeque<T>) -> Option<T>,
}

impl<T> Deque<T> {
    fn new(take: fn(&mut VecDeque<T>) -> Option<T>) -> Self {
        Self { inner: Arc::new(Inner { items: Mutex::new(VecDeque::new()), len: AtomicUsize::new(0) }), take }
    }

    pub(crate) fn new_fifo() -> Self {
        Self::new(VecDeque::pop_front)
    }

    pub(crate) fn new_lifo() -> Self {
        Self::new(VecDeque::pop_back)
    }

    pub(crate) fn stealer(&self) -> Stealer<T> {
        Stealer(Arc::clone(&self.inner))
    }

    pub(crate) fn push(&self, item: T) {
        self.inner.with(|items| items.push_back(item));
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.inner.with(self.take)
    }
}

/// The thieves' end.
pub(crate) struct Stealer<T>(Arc<Inner<T>>);

impl<T> Stealer<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.len.load(Ordering::Acquire) == 0
    }

    pub(crate) fn steal(&self) -> Steal<T> {
        if self.is_empty() {
            return Steal::Empty;
        }
        self.0.with(VecDeque::pop_front).map_or(Steal::Retry, Steal::Success)
    }
}

#[derive(Clone)]
pub(crate) struct Unparker(Arc<(Mutex<bool>, Condvar)>);

impl Unparker {
    pub(crate) fn unpark(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_one();
    }
}

pub(crate) struct Parker(Unparker);

impl Parker {
    pub(crate) fn new() -> Self {
        Self(Unparker(Arc::new((Mutex::new(false), Condvar::new()))))
    }

    pub(crate) fn unparker(&self) -> &Unparker {
        &self.0
    }

    pub(crate) fn park(&self) {
        let (token, there) = &*self.0.0;
        let mut token = token.lock().unwrap_or_else(PoisonError::into_inner);
        while !*token {
            token = there.wait(token).unwrap_or_else(PoisonError::into_inner);
        }
        *token = false;
    }
}

/// Never any left: when to look again is the checker's choice.
pub(crate) struct Patience;

impl Patience {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn is_left(&self) -> bool {
        false
    }
}

/// Locks; nobody counts here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> (MutexGuard<'_, T>, bool) {
    (mutex.lock().unwrap_or_else(PoisonError::into_inner), false)
}

/// Runs `body`; none when it panicked as planned.
pub(crate) fn contain<R>(body: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(answer) => Some(answer),
        Err(panic) if panic.is::<Planned>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

macro_rules! slip {
    ($name:ident) => {
        crate::checked::slip::planted(crate::checked::slip::Slip::$name)
    };
}
pub(crate) use slip;
