//! A witness: a host that asks another host for every answer and keeps what it was shown.

use motet_machine::{EffectCoordinate, EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody};
use motet_types::{EffectKind, EffectKinds, LabelId, RoleId, Value};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A payload that the machine showed its host, at a send or a receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The other role.
    pub partner: RoleId,
    /// The label.
    pub label: LabelId,
    /// The payload.
    pub payload: Value,
}

/// A host that keeps what it was shown.
#[derive(Debug, Default)]
pub struct Witness<H> {
    inner: H,
    shown: Mutex<BTreeMap<EffectCoordinate, Shown>>,
}

impl<H> Witness<H> {
    /// A witness of what the machine asks `inner`.
    pub const fn new(inner: H) -> Self {
        Self { inner, shown: Mutex::new(BTreeMap::new()) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EffectCoordinate, Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was shown so far, by coordinate.
    pub fn take(&self) -> BTreeMap<EffectCoordinate, Shown> {
        std::mem::take(&mut self.lock())
    }
}

impl<H: EffectHandler> EffectHandler for Witness<H> {
    fn identity(&self) -> &str {
        "witness"
    }

    fn wants(&self) -> EffectKinds {
        // Messages are always shown; the rest is the inner host's affair.
        self.inner.wants().with(EffectKind::SendDecision).with(EffectKind::Receive)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        if let EffectRequestBody::SendDecision { partner, label, payload }
        | EffectRequestBody::Receive { partner, label, payload } = request.body
        {
            let shown = Shown { partner, label, payload: payload.to_value() };
            self.lock().insert(request.coordinate, shown);
        }
        let kind = request.kind();
        if self.inner.wants().contains(kind) { self.inner.handle_effect(request) } else { EffectOutcome::accept(kind) }
    }
}

/// What a host does besides answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Nothing.
    Reliable,
    /// Fails one answer in so many.
    Failing(u32),
    /// Puts off one send in so many.
    Deferring(u32),
    /// Drops one send in so many.
    Dropping(u32),
}

/// A host with a mood, which depends on where it is asked and on nothing else.
#[derive(Clone, Debug)]
pub struct Moody<H> {
    /// Who answers otherwise.
    pub inner: H,
    /// The mood.
    pub mood: Mood,
}

impl<H: EffectHandler> EffectHandler for Moody<H> {
    fn identity(&self) -> &str {
        "moody"
    }

    fn wants(&self) -> EffectKinds {
        self.inner.wants()
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        use motet_machine::{EffectResponse, SendDecision};
        let at = request.coordinate;
        let place = (at.session.0 as u32).wrapping_mul(31) ^ u32::from(at.coroutine.0).wrapping_mul(7) ^ at.counter;
        let place = place.wrapping_mul(0x9e37_79b9) >> 8;
        let sends = request.kind() == EffectKind::SendDecision;
        let decide = |decision| EffectOutcome::Success(EffectResponse::SendDecision(decision));
        match self.mood {
            Mood::Failing(n) if place.is_multiple_of(n) => {
                EffectOutcome::failure(motet_types::EffectFailureKind::Unavailable, "in no mood")
            }
            Mood::Deferring(n) if sends && place.is_multiple_of(n) => decide(SendDecision::Defer),
            Mood::Dropping(n) if sends && place.is_multiple_of(n) => decide(SendDecision::Drop),
            _ => self.inner.handle_effect(request),
        }
    }
}
