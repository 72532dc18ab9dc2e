//! Moving sessions that have begun to another image, between two turns. It is an input of the run.
//!
//! In two phases, so that whoever decides sees what would happen: [`Runtime::stage_upgrade`] says for each session what would
//! become of it and changes nothing; [`Runtime::upgrade`] moves those that are named, all of them or none.

use crate::rounds::Runtime;
use crate::status::RuntimeError;
use crate::tape::{Input, MAX_UPGRADED};
use motet_machine::{
    EffectCoordinate, GivenUp, ImageId, UpgradeDecision, UpgradeOptions, UpgradeOutcome, UpgradeRefusal,
};
use motet_types::{SessionId, Tick};
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// What would become of each live session, in order of their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedUpgrade {
    /// To which image.
    pub to: ImageId,
    /// How.
    pub options: UpgradeOptions,
    /// The sessions.
    pub decisions: Vec<(SessionId, UpgradeDecision)>,
}

impl StagedUpgrade {
    /// The sessions that may move.
    pub fn movable(&self) -> Vec<SessionId> {
        let moves = |(_, decision): &&(SessionId, UpgradeDecision)| *decision == UpgradeDecision::Moves;
        self.decisions.iter().filter(moves).map(|(session, _)| *session).collect()
    }

    /// How many sessions each thing becomes of, the same reasons together.
    pub fn reasons(&self) -> BTreeMap<&UpgradeDecision, u64> {
        let mut reasons = BTreeMap::new();
        for (_, decision) in &self.decisions {
            *reasons.entry(decision).or_default() += 1;
        }
        reasons
    }
}

impl<E> Runtime<E> {
    /// What would become of every live session, were it to move to that image now. Nothing changes.
    ///
    /// # Errors
    /// [`UpgradeRefusal`]: no such image.
    pub fn stage_upgrade(&self, to: ImageId, options: UpgradeOptions) -> Result<StagedUpgrade, RuntimeError> {
        self.sound()?;
        let mut plans = self.machine.plan_upgrade(to, options)?;
        let mut decisions = Vec::with_capacity(self.machine.live_sessions());
        for session in self.machine.sessions() {
            decisions.push((session, self.machine.consider_upgrade(&mut plans, session)?));
        }
        Ok(StagedUpgrade { to, options, decisions })
    }

    /// Moves sessions to a loaded image: all of them or none. Between them and others nothing changes, and they go on
    /// where they were, in the new image's code.
    ///
    /// # Errors
    /// [`UpgradeRefusal`], with the first session that cannot move; [`RuntimeError::Admission`] where the runtime's
    /// contracts do not grant it; [`RuntimeError::TooManyAtOnce`] for more than 2^24 sessions.
    pub fn upgrade(
        &mut self,
        to: ImageId,
        options: UpgradeOptions,
        sessions: &[SessionId],
    ) -> Result<u64, RuntimeError> {
        self.cut_to(to, options, sessions, None).map(|outcome| outcome.moved)
    }

    /// Moves sessions and gives effects up, as one input.
    pub(crate) fn cut_to(
        &mut self,
        to: ImageId,
        options: UpgradeOptions,
        sessions: &[SessionId],
        given_up: Option<GivenUp>,
    ) -> Result<UpgradeOutcome, RuntimeError> {
        self.sound()?;
        self.admit_upgrade()?;
        if sessions.len() as u64 > MAX_UPGRADED {
            return Err(RuntimeError::TooManyAtOnce { limit: MAX_UPGRADED });
        }
        let mut plans = self.machine.plan_upgrade(to, options)?;
        let mut outcome = self.machine.cut_over(&mut plans, sessions, given_up.as_ref())?;
        let tick = self.machine.tick();
        self.record(|| Input::Upgrade { to, options, tick, sessions: sessions.to_vec(), given_up });
        let gone: BTreeSet<EffectCoordinate> = outcome.invalidated.iter().copied().collect();
        gone.iter().for_each(|at| self.nobody_waits(*at));
        self.to_ask.retain(|ask| !gone.contains(&ask.coordinate));
        if !outcome.resting.is_empty() {
            let resting: BTreeSet<SessionId> = outcome.resting.iter().copied().collect();
            self.planner.forget_all(&resting);
        }
        let step = self.machine.planner_step();
        outcome.ready.iter().for_each(|pick| self.planner.ready(*pick, step));
        let asks = std::mem::take(&mut outcome.asks);
        let mut asks: BTreeMap<_, _> = asks.into_iter().map(|ask| (ask.coordinate, ask)).collect();
        for ask in &mut self.to_ask {
            if let Some(now) = asks.remove(&ask.coordinate) {
                *ask = now;
            }
        }
        Ok(outcome)
    }

    /// A recorded upgrade.
    pub(crate) fn upgrade_again(
        &mut self,
        to: ImageId,
        options: UpgradeOptions,
        tick: Tick,
        sessions: &[SessionId],
        given_up: Option<GivenUp>,
    ) -> Result<(), RuntimeError> {
        if self.machine.tick() != tick {
            return Err(RuntimeError::UpgradeDiffers { recorded: tick, found: self.machine.tick() });
        }
        self.cut_to(to, options, sessions, given_up).map(drop)
    }
}

/// A list of sessions as a tape has it: runs of ids that follow each other, each as its first and how many.
pub(crate) fn runs(sessions: &[SessionId]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for session in sessions {
        match runs.last_mut() {
            Some((first, count)) if first.checked_add(*count) == Some(session.0) => *count += 1,
            _ => runs.push((session.0, 1)),
        }
    }
    runs
}

impl From<UpgradeRefusal> for RuntimeError {
    fn from(refusal: UpgradeRefusal) -> Self {
        Self::Upgrade(Box::new(refusal))
    }
}
