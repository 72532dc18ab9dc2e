//! A witness: a host that asks another host for every answer and keeps what it was shown.

use motet_machine::{EffectCoordinate, EffectHandler, EffectOutcome, EffectRequest, EffectRequestBody, EffectResponse};
use motet_types::{EffectKind, EffectKinds, LabelId, RoleId, SessionId, Value};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the machine showed its host, at a send or a receive, or what the host chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The kind of question.
    pub kind: EffectKind,
    /// The other role.
    pub partner: RoleId,
    /// The label; of a choice the one that was chosen.
    pub label: LabelId,
    /// The payload; nothing, of a choice.
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
        let (kind, at) = (request.kind(), request.coordinate);
        let body = request.body;
        if let EffectRequestBody::SendDecision { partner, label, payload }
        | EffectRequestBody::Receive { partner, label, payload } = body
        {
            self.lock().insert(at, Shown { kind, partner, label, payload: payload.to_value() });
        }
        let asked = self.inner.wants().contains(kind);
        let outcome = if asked { self.inner.handle_effect(request) } else { EffectOutcome::accept(kind) };
        if let (EffectRequestBody::Choose { partner, labels }, EffectOutcome::Success(EffectResponse::Choose(chosen))) =
            (body, &outcome)
            && let Some(label) = labels.get(*chosen)
        {
            self.lock().insert(at, Shown { kind, partner, label, payload: Value::Unit });
        }
        outcome
    }
}

/// Whether every choice of the host was followed by a send of what it chose, where the coroutine sent anything more.
pub fn choices_are_obeyed(shown: &BTreeMap<EffectCoordinate, Shown>) -> Result<(), String> {
    let mut chosen: BTreeMap<(SessionId, u16), LabelId> = BTreeMap::new();
    for (at, shown) in shown {
        let of = (at.session, at.coroutine.0);
        match shown.kind {
            EffectKind::Choose => drop(chosen.insert(of, shown.label)),
            EffectKind::SendDecision => {
                let chosen = chosen.remove(&of);
                let obeyed = chosen.is_none_or(|label| label == shown.label);
                ensure!(obeyed, "at {at} {chosen:?} was chosen, and the code sends {}", shown.label);
            }
            _ => {}
        }
    }
    Ok(())
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

/// A number that depends on where a host is asked and on nothing else.
pub const fn place(at: &EffectCoordinate) -> u32 {
    let place = (at.session.0 as u32).wrapping_mul(31) ^ (at.coroutine.0 as u32).wrapping_mul(7) ^ at.counter;
    place.wrapping_mul(0x9e37_79b9) >> 8
}

impl<H: EffectHandler> EffectHandler for Moody<H> {
    fn identity(&self) -> &str {
        "moody"
    }

    fn wants(&self) -> EffectKinds {
        self.inner.wants()
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        use motet_machine::SendDecision;
        let place = place(&request.coordinate);
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
