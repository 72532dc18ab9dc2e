//! Deadlines: by which tick an effect that may block has to be answered.
//!
//! The configuration says how many ticks a host has (`effect_budget`). They count from the end of the turn in which the
//! effect was asked for, since before that no host can have been asked ([`ProtocolMachine::begin_budgets`]). When a turn
//! begins at the deadline or behind it, and nobody has answered, the machine answers itself, as a host would: the effect
//! has failed, as timed out ([`ProtocolMachine::time_out`]). That follows from the tick alone, so it is no input.
//!
//! On the way there the operation's progress contract is escalated, where the configuration keeps semantic objects: also
//! from the tick alone, at the end of a turn and when time passes.
//!
//! A tick is a wave. Where no wave comes, because everybody waits for the host, only the host knows how time goes by: it
//! says so ([`ProtocolMachine::advance`]), and that is an input.

use crate::answer::{AnswerError, Settled};
use crate::effect::EffectCoordinate;
use crate::machine::ProtocolMachine;
use crate::memory::in_btree;
use crate::outbox::Ask;
use crate::outcome::EffectOutcome;
use crate::wave::Pick;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;
use motet_types::{CoroutineId, EffectFailureKind, Planted, SessionId, Tick, planted};

/// The last tick that there is: far enough from the largest number that no wave comes near that.
const LAST_TICK: u64 = u64::MAX >> 1;

/// Why ticks cannot pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdvanceRefusal {
    /// The host's time passes while every island is at home.
    #[error("{out} waves are out; time passes between turns")]
    WavesOut {
        /// How many.
        out: u64,
    },
    /// There are no such ticks.
    #[error("{ticks} ticks from {tick} are more than can be counted")]
    Exhausted {
        /// Where the machine stands.
        tick: Tick,
        /// How many were to pass.
        ticks: u64,
    },
}

/// The deadlines of the effects that wait for an answer. Empty where the configuration has no budget.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    by_effect: BTreeMap<EffectCoordinate, Tick>,
    by_tick: BTreeSet<(Tick, EffectCoordinate)>,
    /// Effects whose budget has not begun.
    fresh: Vec<EffectCoordinate>,
}

impl Deadlines {
    pub(crate) fn set(&mut self, at: EffectCoordinate, deadline: Tick) {
        self.remove(&at);
        self.by_effect.insert(at, deadline);
        self.by_tick.insert((deadline, at));
    }

    /// Forgets the deadline of an effect for which nobody waits any more.
    pub(crate) fn remove(&mut self, at: &EffectCoordinate) {
        if let Some(deadline) = self.by_effect.remove(at) {
            self.by_tick.remove(&(deadline, *at));
        }
    }

    /// Those of a session's coroutines, in order of their numbers.
    pub(crate) fn of(&self, session: SessionId) -> impl Iterator<Item = (CoroutineId, Tick)> {
        let at = |coroutine, counter| EffectCoordinate { session, coroutine: CoroutineId(coroutine), counter };
        let rows = self.by_effect.range(at(0, 0)..=at(u16::MAX, u32::MAX));
        rows.map(|(at, deadline)| (at.coroutine, *deadline))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_effect.is_empty()
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        let entry = size_of::<(Tick, EffectCoordinate)>();
        in_btree(2 * self.by_effect.len(), entry) + self.fresh.capacity() * size_of::<EffectCoordinate>()
    }
}

impl ProtocolMachine {
    /// An effect is asked for: its budget begins with the next call of [`ProtocolMachine::begin_budgets`].
    pub(crate) fn needs_budget(&mut self, at: EffectCoordinate) {
        if self.config.effect_budget.is_some() {
            self.deadlines.fresh.push(at);
        }
    }

    /// The budgets begin of all effects that were asked for since the last call. Call it at the end of every turn; without a
    /// budget in the configuration it does nothing.
    pub fn begin_budgets(&mut self) {
        let Some(budget) = self.config.effect_budget else { return };
        let late = u64::from(planted(Planted::DeadlineOneLater));
        let deadline = Tick(self.tick.0.saturating_add(budget).saturating_add(late));
        for at in core::mem::take(&mut self.deadlines.fresh) {
            // Its session may have ended since, or have been answered.
            let Some(slot) = self.slot_of(at.session).filter(|_| self.is_pending(&at)) else { continue };
            self.copy_first(slot);
            self.digests.changed(&mut self.slots[slot as usize], slot);
            self.deadlines.set(at, deadline);
            if self.semantics.is_some() {
                self.budget_happened(at);
            }
        }
        self.elapsed();
    }

    /// By which tick an effect has to be answered: when a turn begins there or later, it has timed out. None if nobody waits
    /// for it, or for as long as it takes.
    pub fn deadline(&self, at: &EffectCoordinate) -> Option<Tick> {
        self.deadlines.by_effect.get(at).copied()
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.deadlines.by_tick.first().map(|(deadline, _)| *deadline)
    }

    /// Whether an effect times out when the next turn begins.
    pub fn is_overdue(&self, at: &EffectCoordinate) -> bool {
        self.deadline(at).is_some_and(|deadline| deadline <= self.tick)
    }

    /// Whether any does.
    pub fn has_overdue(&self) -> bool {
        self.next_deadline().is_some_and(|deadline| deadline <= self.tick)
    }

    /// An overdue effect of a session that is parked. It cannot time out before the session is resumed, and until then no turn
    /// can begin: parking is never seen.
    pub fn overdue_parked(&self) -> Option<EffectCoordinate> {
        if self.parked.is_empty() {
            return None;
        }
        self.overdue().find(|at| self.parked.contains_key(&at.session.0))
    }

    /// Overdue effects, in the order of their deadlines, then of their sessions, coroutines and counters.
    fn overdue(&self) -> impl Iterator<Item = EffectCoordinate> {
        self.deadlines.by_tick.iter().take_while(|(deadline, _)| *deadline <= self.tick).map(|(_, at)| *at)
    }

    /// Answers every overdue effect with the failure that it has timed out, in the order of their deadlines, then of their
    /// sessions, coroutines and counters. Call it at the beginning of a turn. Answers which effects these were, each with its
    /// island where that was not ready before.
    ///
    /// # Errors
    /// [`AnswerError::Parked`] when a session of them is parked. Then nothing has changed.
    pub fn time_out(&mut self) -> Result<Vec<(EffectCoordinate, Option<Pick>)>, AnswerError> {
        if let Some(at) = self.overdue_parked() {
            return Err(AnswerError::Parked(at));
        }
        let budget = self.config.effect_budget.unwrap_or_default();
        let mut overdue: Vec<EffectCoordinate> = self.overdue().collect();
        if planted(Planted::DeadlineReverses) {
            overdue.reverse();
        }
        let mut out = Vec::with_capacity(overdue.len());
        for at in overdue {
            let why = format!("no answer within its budget of {budget} ticks");
            let outcome = EffectOutcome::failure(EffectFailureKind::Timeout, why);
            let pick = self.take_answer(at, outcome, Settled::Overdue)?;
            if pick.is_some() {
                // No input says so, so the trace does.
                self.tell(at.session, &[], None);
            }
            out.push((at, pick));
        }
        Ok(out)
    }

    /// So many ticks have passed by the host's clock. It is an input of the run. Answers where the machine stands.
    ///
    /// # Errors
    /// See [`AdvanceRefusal`].
    pub fn advance(&mut self, ticks: u64) -> Result<Tick, AdvanceRefusal> {
        if self.out > 0 {
            return Err(AdvanceRefusal::WavesOut { out: self.out });
        }
        let tick = self.tick.0.checked_add(ticks).filter(|tick| *tick <= LAST_TICK);
        self.tick.0 = tick.ok_or(AdvanceRefusal::Exhausted { tick: self.tick, ticks })?;
        self.elapsed();
        Ok(self.tick)
    }

    /// Whether an effect may have that deadline, as the machine stands.
    pub(crate) fn allows_deadline(&self, deadline: Tick) -> bool {
        let latest = self.config.effect_budget.map(|budget| self.tick.0.saturating_add(budget));
        latest.is_some_and(|latest| deadline.0 <= latest) || planted(Planted::RestoreTrustsDeadlines)
    }

    /// The effects that a session waits to have answered, each with its deadline.
    pub(crate) fn asks_and_deadlines(&self, session: SessionId) -> Vec<(Ask, Option<Tick>)> {
        self.asks_of(session).map(|ask| (ask.clone(), self.deadline(&ask.coordinate))).collect()
    }
}
