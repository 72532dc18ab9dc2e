//! Progress contracts: an operation that does not get on in its budget is escalated, one step at a time.

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
        /// It has not got on for its budget.
        NoProgress "no_progress",
        /// It has not got on for longer.
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

machine! {
    /// The progress of one operation. With a budget of b ticks, an operation that has not got on is escalated at the
    /// first tick that is more than b after the last progress or escalation, and so on until it is given up.
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
            Below(Plus(&SINCE, &BUDGET), Given(0)) => InTime,
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
        /// An escalation is one step, and never comes before the budget is gone.
        "one_step" Implies(
            &All(&[OneOf(After(&STATE), ESCALATIONS), Differ(STATE, After(&STATE))]),
            &All(&[
                Equal(After(&STATE), Mapped(&STATE, ESCALATED)),
                Below(Plus(&SINCE, &BUDGET), After(&SINCE)),
            ]),
        ), Break::Need("escalated", 2);
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
