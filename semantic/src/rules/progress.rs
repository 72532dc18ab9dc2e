//! Progress contracts: an operation that does not get on in its budget is escalated, one quarter of it at a time.

use crate::names::names;
use crate::objects::OperationPhase;
use crate::table::{Break, Formula::*, Term::*, machine};

names! {
    /// Where an operation's progress stands.
    ProgressState {
        /// It was begun.
        Pending "pending",
        /// It waits.
        Blocked "blocked",
        /// It has not got on for half of its budget.
        NoProgress "no_progress",
        /// It has not got on for three quarters of it.
        Degraded "degraded",
        /// It succeeded.
        Succeeded "succeeded",
        /// It failed.
        Failed "failed",
        /// It was cancelled.
        Cancelled "cancelled",
        /// It was given up.
        TimedOut "timed_out",
        /// It belongs to somebody else now.
        HandedOff "handed_off",
    }
}

use ProgressState as S;

/// The measure of each state, in order: it never increases, so no contract is escalated for ever.
pub const PROGRESS_MEASURE: &[u64] = &[4, 3, 2, 1, 0, 0, 0, 0, 0];
/// The state one step further, in order; terminal states stay.
const ESCALATED: &[u64] = &[
    S::Blocked as u64,
    S::NoProgress as u64,
    S::Degraded as u64,
    S::TimedOut as u64,
    S::Succeeded as u64,
    S::Failed as u64,
    S::Cancelled as u64,
    S::TimedOut as u64,
    S::HandedOff as u64,
];
const OPEN: &[u64] = &[S::Pending as u64, S::Blocked as u64, S::NoProgress as u64, S::Degraded as u64];
const ESCALATIONS: &[u64] = &[S::NoProgress as u64, S::Degraded as u64, S::TimedOut as u64];
const ZERO: crate::table::Term = Number(0);
const ONE: crate::table::Term = Number(1);
const LIVE: crate::table::Formula = OneOf(STATE, OPEN);
const TWO_BUDGETS: crate::table::Term = Plus(&BUDGET, &BUDGET);
const THREE_BUDGETS: crate::table::Term = Plus(&TWO_BUDGETS, &BUDGET);
const FOUR_BUDGETS: crate::table::Term = Plus(&TWO_BUDGETS, &TWO_BUDGETS);
const FOUR_LAST: crate::table::Term = Plus(&Plus(&LAST, &LAST), &Plus(&LAST, &LAST));

/// At a tick, so many quarters of the budget have passed since the last progress as the next step needs.
macro_rules! overdue {
    ($tick:expr) => {{
        const FOUR_TICKS: crate::table::Term = Plus(&Plus(&$tick, &$tick), &Plus(&$tick, &$tick));
        Any(&[
            All(&[Equal(STATE, Number(S::Pending as u64)), AtMost(Plus(&FOUR_LAST, &BUDGET), FOUR_TICKS)]),
            All(&[Equal(STATE, Number(S::Blocked as u64)), AtMost(Plus(&FOUR_LAST, &TWO_BUDGETS), FOUR_TICKS)]),
            All(&[Equal(STATE, Number(S::NoProgress as u64)), AtMost(Plus(&FOUR_LAST, &THREE_BUDGETS), FOUR_TICKS)]),
            All(&[Equal(STATE, Number(S::Degraded as u64)), AtMost(Plus(&FOUR_LAST, &FOUR_BUDGETS), FOUR_TICKS)]),
        ])
    }};
}

machine! {
    /// The progress of one operation. With a budget, an operation that has not got on is blocked when a quarter of it has
    /// passed since the last progress, makes no progress after half of it, is degraded after three quarters, and given up
    /// when all of it is over. One step at a time; several may be due at one tick.
    Progress = PROGRESS "progress";
    fields {
        /// Where it stands.
        STATE state: ProgressState,
        /// Whether it has a budget.
        BOUNDED bounded: bool,
        /// The budget in ticks.
        BUDGET budget_ticks: u64,
        /// The tick of the last progress.
        LAST last_progress_tick: u64,
        /// The tick of the last progress or escalation.
        SINCE since_tick: u64,
    }
    refusals ProgressError {
        /// The operation has ended: the result is late.
        Ended "the operation has ended; a late result changes nothing",
        /// It is in time.
        InTime "the operation is within its budget",
        /// It has no budget.
        Unbounded "the operation has no budget, so it is never overdue",
        /// The tick is older than what is known.
        TickGoesBack "the tick lies before the last one",
    }
    events ProgressEvent {
        /// It waits for something.
        Block "blocked" {
            /// When.
            tick: u64,
        }
        needs [
            LIVE => Ended,
            AtMost(SINCE, Given(0)) => TickGoesBack,
        ]
        sets [STATE = Mapped(&STATE, &[1, 1, 2, 3, 4, 5, 6, 7, 8]), SINCE = Given(0)],

        /// It got on. What has been escalated stays so: the measure never increases.
        Advance "advanced" {
            /// When.
            tick: u64,
        }
        needs [
            LIVE => Ended,
            AtMost(SINCE, Given(0)) => TickGoesBack,
        ]
        sets [LAST = Given(0), SINCE = Given(0)],

        /// A tick finds it overdue: one step further.
        Escalate "escalated" {
            /// When.
            tick: u64,
        }
        needs [
            LIVE => Ended,
            Equal(BOUNDED, ONE) => Unbounded,
            AtMost(SINCE, Given(0)) => TickGoesBack,
            overdue!(Given(0)) => InTime,
        ]
        sets [STATE = Mapped(&STATE, ESCALATED), SINCE = Given(0)],

        /// It succeeded.
        Succeed "succeeded" {
            /// When.
            tick: u64,
        }
        needs [LIVE => Ended, AtMost(SINCE, Given(0)) => TickGoesBack]
        sets [STATE = Number(S::Succeeded as u64), LAST = Given(0), SINCE = Given(0)],

        /// It failed.
        Fail "failed" {
            /// When.
            tick: u64,
        }
        needs [LIVE => Ended, AtMost(SINCE, Given(0)) => TickGoesBack]
        sets [STATE = Number(S::Failed as u64), LAST = Given(0), SINCE = Given(0)],

        /// It was cancelled.
        Cancel "cancelled" {
            /// When.
            tick: u64,
        }
        needs [LIVE => Ended, AtMost(SINCE, Given(0)) => TickGoesBack]
        sets [STATE = Number(S::Cancelled as u64), LAST = Given(0), SINCE = Given(0)],

        /// It was handed to another owner, who has a contract of its own.
        HandOff "handed_off" {
            /// When.
            tick: u64,
        }
        needs [LIVE => Ended, AtMost(SINCE, Given(0)) => TickGoesBack]
        sets [STATE = Number(S::HandedOff as u64), LAST = Given(0), SINCE = Given(0)],
    }
    initial All(&[
        Equal(STATE, Number(S::Pending as u64)),
        Equal(LAST, SINCE),
        Implies(&Equal(BOUNDED, ZERO), &Equal(BUDGET, ZERO)),
    ]);
    invariants {
        /// Progress is not newer than the last thing that happened.
        "marks" AtMost(LAST, SINCE), Break::Put("succeeded", SINCE, SINCE);
        /// Without a budget nothing is ever overdue.
        "budget" Implies(&Equal(BOUNDED, ZERO), &Not(&OneOf(STATE, ESCALATIONS))), Break::Need("escalated", 1);
    }
    laws {
        /// The measure never increases.
        "measure" AtMost(Mapped(&After(&STATE), PROGRESS_MEASURE), Mapped(&STATE, PROGRESS_MEASURE)),
            Break::Put("advanced", STATE, Number(S::Pending as u64));
        /// What has ended stays as it is.
        "ends_are_final" Implies(&Not(&LIVE), &Equal(STATE, After(&STATE))), Break::Need("succeeded", 0);
        /// An escalation is one step, and never comes before its part of the budget is gone.
        "one_step" Implies(
            &All(&[OneOf(After(&STATE), ESCALATIONS), Differ(STATE, After(&STATE))]),
            &All(&[
                Equal(After(&STATE), Mapped(&STATE, ESCALATED)),
                overdue!(After(&SINCE)),
            ]),
        ), Break::Need("escalated", 3);
    }
    goal All(&[Equal(STATE, Number(S::TimedOut as u64)), Equal(BUDGET, ONE)]), 4;
}

impl Progress {
    /// The contract of an operation that begins at `tick`; without a budget it is never overdue.
    pub const fn new(budget_ticks: Option<u64>, tick: u64) -> Self {
        let (bounded, budget_ticks) = match budget_ticks {
            Some(ticks) => (true, ticks),
            None => (false, 0),
        };
        Self { state: ProgressState::Pending, bounded, budget_ticks, last_progress_tick: tick, since_tick: tick }
    }

    /// The first tick at which it is escalated, if it does not get on before: the quarters of its budget that its next step
    /// needs have passed then, rounded up. None if it has ended, has no budget, or one that outlasts all ticks.
    pub fn escalates_at(&self) -> Option<u64> {
        let quarters = 5_u64.saturating_sub(self.state.measure());
        if !self.bounded || self.state.is_terminal() {
            return None;
        }
        let passed = (u128::from(self.budget_ticks) * u128::from(quarters)).div_ceil(4);
        u64::try_from(passed).ok().and_then(|passed| self.last_progress_tick.checked_add(passed))
    }
}

impl ProgressState {
    /// Whether the operation has ended.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Blocked | Self::NoProgress | Self::Degraded)
    }

    /// The measure that never increases: 4 for pending down to 0 for everything that has ended.
    pub fn measure(self) -> u64 {
        PROGRESS_MEASURE.get(self as usize).copied().unwrap_or(0)
    }

    /// The phase in which the operation is.
    pub const fn operation_phase(self) -> OperationPhase {
        match self {
            Self::Pending => OperationPhase::Pending,
            Self::Blocked | Self::NoProgress | Self::Degraded => OperationPhase::Blocked,
            Self::Succeeded => OperationPhase::Succeeded,
            Self::Failed => OperationPhase::Failed,
            Self::Cancelled => OperationPhase::Cancelled,
            Self::TimedOut => OperationPhase::TimedOut,
            Self::HandedOff => OperationPhase::HandedOff,
        }
    }

    /// Whether one transition can lead from `self` to `next`: what a chain of transitions is checked against.
    pub fn may_become(self, next: Self) -> bool {
        let ends = [Self::Succeeded, Self::Failed, Self::Cancelled, Self::HandedOff];
        !self.is_terminal() && (ESCALATED.get(self as usize) == Some(&(next as u64)) || ends.contains(&next))
    }
}
