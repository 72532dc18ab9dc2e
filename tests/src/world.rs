//! A world outside the machine: it does what effects that may block ask of it, remembers by their ids what it has done,
//! and outlives every crash.

use motet_machine::{EffectHandler, EffectId, EffectOutcome, EffectRequest, EffectResponse};
use motet_types::{EffectKind, EffectKinds, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::script::{accept, done};

/// What was done under one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// How often it was asked for; it was done the first time.
    pub asked: u32,
    /// What came of it.
    pub outcome: u64,
    /// Whether it was a guard that was granted.
    pub guard: bool,
}

impl Deed {
    fn answer(&self) -> EffectOutcome {
        let outcome = Value::Nat(self.outcome);
        if self.guard { EffectOutcome::Success(EffectResponse::Acquire(outcome)) } else { done(outcome) }
    }
}

/// The world. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct World {
    deeds: Arc<Mutex<BTreeMap<EffectId, Deed>>>,
    /// One effect in so many is answered later; 0 answers all at once.
    pub later: u64,
    /// Whether it does again whatever it is asked again: a host that does not honour ids.
    pub careless: bool,
}

/// The outcome of an effect: a function of its id, so that every world agrees.
fn outcome(id: EffectId) -> u64 {
    u64::from_le_bytes(id.0.0[..8].try_into().unwrap_or_default()) >> 8
}

impl World {
    /// A world that answers one effect in `later` later.
    pub fn answering_later(later: u64) -> Self {
        Self { later, ..Self::default() }
    }

    /// What has been done.
    pub fn deeds(&self) -> BTreeMap<EffectId, Deed> {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same world at the moment of a crash: what happens to one afterwards does not happen to the other.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { deeds: Arc::new(Mutex::new(self.deeds())), later: self.later, careless: self.careless }
    }

    /// How often something was done: once for each id, unless the world is careless.
    pub fn done(&self) -> u64 {
        self.deeds().values().map(|deed| if self.careless { u64::from(deed.asked) } else { 1 }).sum()
    }

    /// What an effect that was asked for came to.
    pub fn answer(&self, id: EffectId) -> EffectOutcome {
        let deeds = self.deeds();
        deeds.get(&id).copied().unwrap_or(Deed { asked: 0, outcome: outcome(id), guard: false }).answer()
    }
}

impl EffectHandler for World {
    fn identity(&self) -> &str {
        "world"
    }

    fn wants(&self) -> EffectKinds {
        EffectKinds::NONE.with(EffectKind::InvokeStep).with(EffectKind::Receive).with(EffectKind::Acquire)
    }

    fn handle_effect(&self, request: EffectRequest<'_>) -> EffectOutcome {
        let guard = request.kind() == EffectKind::Acquire;
        if !guard && request.kind() != EffectKind::InvokeStep {
            return accept(&request);
        }
        let id = request.effect_id();
        let mut deeds = self.deeds.lock().unwrap_or_else(PoisonError::into_inner);
        let deed = deeds.entry(id).or_insert(Deed { asked: 0, outcome: outcome(id), guard });
        deed.asked += 1;
        match self.later {
            0 => deed.answer(),
            later if deed.outcome.is_multiple_of(later) => EffectOutcome::Pending,
            _ => deed.answer(),
        }
    }
}
