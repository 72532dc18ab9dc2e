//! Effects that have to be answered in time, as a runtime takes it.
//!
//! What has not been answered by its deadline times out when a turn begins: that follows from the tick, and stands on no
//! tape. Waves make ticks. While everybody waits for the host no wave comes, and then the host says that time has passed
//! ([`Runtime::advance`]): that is an input.

use crate::rounds::Runtime;
use crate::status::RuntimeError;
use crate::tape::Input;
use motet_machine::{AnswerError, EffectCoordinate};
use motet_types::{Planted, Tick, planted};

impl<E> Runtime<E> {
    /// So many ticks have passed by the host's clock, between two turns. It is an input of the run. Effects that are overdue
    /// then time out when the next turn begins, and timeouts of sites that are over end at once. Answers where the machine
    /// stands.
    ///
    /// What a tick is in the host's time is the host's to say. Budgets of effects that no turn has asked yet run as well, so
    /// a turn should stand between what was done before and the time that is said to have passed.
    ///
    /// # Errors
    /// [`AdvanceRefusal`](motet_machine::AdvanceRefusal) when there are not so many ticks any more.
    pub fn advance(&mut self, ticks: u64) -> Result<Tick, RuntimeError> {
        self.sound()?;
        let tick = self.machine.advance(ticks)?;
        self.record(|| Input::Advance { ticks });
        self.expire_timeouts();
        Ok(tick)
    }

    /// Lets time pass to the earliest deadline, where a host has nothing to say before: as [`Runtime::advance`] by the ticks up
    /// to it. Answers whether there is one.
    pub fn advance_to_deadline(&mut self) -> Result<bool, RuntimeError> {
        let Some(deadline) = self.machine.next_deadline() else { return Ok(false) };
        let ticks = deadline.0.saturating_sub(self.machine.tick().0);
        if ticks > 0 {
            self.advance(ticks)?;
        }
        Ok(true)
    }

    /// Whether effects time out in the turn that begins. Where the step limit leaves no step they do not: it would not be
    /// seen, and whatever comes in before the limit is raised would come in behind them in one run and before them in its
    /// replay.
    ///
    /// # Errors
    /// When the session of one is parked: it must be resumed before a turn can begin.
    pub(crate) fn has_overdue(&self) -> Result<bool, RuntimeError> {
        if !self.machine.has_overdue() || self.limit <= self.machine.tally().steps {
            return Ok(false);
        }
        if planted(Planted::DeadlineIdleSleeps) && self.planner.depth() == 0 {
            return Ok(false);
        }
        self.machine.overdue_parked().map_or(Ok(true), |at| Err(AnswerError::Parked(at).into()))
    }

    /// Effects that are overdue have timed out. It comes behind the asking: answers that were given at once are on the tape,
    /// where they stand before everything that a turn does.
    pub(crate) fn time_out(&mut self) -> Result<(), RuntimeError> {
        let step = self.machine.planner_step();
        for (at, pick) in self.machine.time_out()? {
            self.nobody_waits(at);
            pick.into_iter().for_each(|pick| self.planner.ready(pick, step));
        }
        Ok(())
    }

    /// The machine has answered in the host's place: what the host says of it is refused.
    pub(crate) fn nobody_waits(&mut self, at: EffectCoordinate) {
        if !planted(Planted::DeadlineKeepsAsked) {
            self.asked.remove(&at.effect_id(&self.machine.config().run_id));
        }
    }

    /// The budgets begin of what was asked for in the turn that ends.
    pub(crate) fn begin_budgets(&mut self) {
        self.machine.begin_budgets();
        // What the host was asked for sessions that have ended since is forgotten, now and then.
        if self.asked.len() > 64 + 2 * self.machine.pending_count() {
            let machine = &self.machine;
            self.asked.retain(|_, at| machine.is_pending(at));
        }
    }
}
