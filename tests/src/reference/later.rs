//! A host that takes its time over what it may take its time for: it puts a question off and is asked again, or takes it on
//! and answers later.

use crate::witness::place;
use motet_machine::{EffectCoordinate, EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody};
use motet_types::{EffectKind, EffectKinds};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether a request is of an effect that may block: asked between waves.
pub(super) fn may_block(request: &EffectRequest<'_>) -> bool {
    match request.body {
        EffectRequestBody::Acquire { .. } => true,
        EffectRequestBody::InvokeStep { .. } => request.operation().is_some_and(|part| part.may_block),
        _ => false,
    }
}

/// Answers as another host does, and some effects that may block not at once.
#[derive(Debug)]
pub(super) struct Later<H> {
    inner: H,
    seed: u64,
    slow: bool,
    /// How often each was asked.
    asked: Mutex<BTreeMap<EffectCoordinate, u32>>,
    /// What was taken on, and what it will be answered.
    taken_on: Mutex<BTreeMap<EffectCoordinate, EffectOutcome>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<H> Later<H> {
    /// A host that is slow, or not, over what `inner` answers.
    pub(super) const fn new(inner: H, seed: u64, slow: bool) -> Self {
        Self { inner, seed, slow, asked: Mutex::new(BTreeMap::new()), taken_on: Mutex::new(BTreeMap::new()) }
    }

    /// The answer to what was taken on; nothing where that was not.
    pub(super) fn answer(&self, at: EffectCoordinate) -> Option<EffectOutcome> {
        lock(&self.taken_on).remove(&at)
    }
}

impl<H: EffectHandler> EffectHandler for Later<H> {
    fn identity(&self) -> &str {
        self.inner.identity()
    }

    fn wants(&self) -> EffectKinds {
        self.inner.wants().with(EffectKind::Release)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        if !self.slow || !may_block(&request) {
            return self.inner.handle_effect(request);
        }
        let at = request.coordinate;
        let times = {
            let mut asked = lock(&self.asked);
            let times = asked.entry(at).or_default();
            *times += 1;
            *times
        };
        let fate = u64::from(place(&at)) ^ self.seed >> 7;
        // A machine asks twice a step, before the step and when it is told to stop behind it.
        if u64::from(times) <= fate % 4 * 3 {
            return EffectOutcome::Blocked;
        }
        let outcome = self.inner.handle_effect(request);
        if fate >> 4 & 1 == 0 {
            return outcome;
        }
        lock(&self.taken_on).insert(at, outcome);
        EffectOutcome::Pending
    }
}
