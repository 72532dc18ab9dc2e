//! Agreement on one operation: exactly the escalations of the published relation, and the gates that they open.

use crate::names::names;
use crate::table::{Break, Formula::*, Term::*, machine};

names! {
    /// How far agreement has got; the rank is the position.
    AgreementLevel {
        /// No agreement is asked for.
        None "none",
        /// Somebody said so.
        Provisional "provisional",
        /// Enough said so that only a fault undoes it.
        SoftSafe "soft_safe",
        /// It stands.
        Finalized "finalized",
    }

    /// How an agreement ended.
    FinalizationOutcome {
        /// It stands.
        Finalized "finalized",
        /// It was given up.
        Aborted "aborted",
        /// It was turned down.
        Rejected "rejected",
        /// It took too long.
        TimedOut "timed_out",
    }

    /// Whether and how an agreement has ended: [`FinalizationOutcome`], or still open.
    AgreementEnd {
        /// It has not ended.
        Open "open",
        /// It stands.
        Finalized "finalized",
        /// It was given up.
        Aborted "aborted",
        /// It was turned down.
        Rejected "rejected",
        /// It took too long.
        TimedOut "timed_out",
    }
}

use AgreementEnd as End;
use AgreementLevel as Level;

const PROVISIONAL: crate::table::Term = Number(Level::Provisional as u64);
const SOFT_SAFE: crate::table::Term = Number(Level::SoftSafe as u64);
const FINALIZED: crate::table::Term = Number(Level::Finalized as u64);
const NONE: crate::table::Term = Number(Level::None as u64);
const OPEN: crate::table::Term = Number(End::Open as u64);
const UNDECIDED: &[u64] = &[Level::Provisional as u64, Level::SoftSafe as u64];
const STANDING: &[u64] = &[End::Open as u64, End::Finalized as u64];
const IS_OPEN: crate::table::Formula = Equal(END, OPEN);

machine! {
    /// Agreement on one operation. It starts provisional, or with no level where no agreement is asked for. Levels
    /// never go down, and an end is an end.
    Agreement = AGREEMENT "agreement";
    fields {
        /// The level.
        LEVEL level: AgreementLevel,
        /// Whether and how it has ended.
        END end: AgreementEnd,
        /// The highest gate that was crossed.
        GATE gate: AgreementLevel,
    }
    refusals AgreementError {
        /// It has ended.
        Ended "the agreement has ended; ends do not change",
        /// The relation has no such escalation.
        Illegal "no escalation leads there from this level",
        /// The gate is above the level.
        GateClosed "the gate is above the level that was reached",
    }
    events AgreementEvent {
        /// Provisional becomes soft-safe.
        SoftSafe "soft_safe" {}
        needs [IS_OPEN => Ended, Equal(LEVEL, PROVISIONAL) => Illegal]
        sets [LEVEL = SOFT_SAFE],

        /// Provisional or soft-safe becomes final.
        Finalize "finalized" {}
        needs [IS_OPEN => Ended, OneOf(LEVEL, UNDECIDED) => Illegal]
        sets [LEVEL = FINALIZED, END = Number(End::Finalized as u64)],

        /// Provisional or soft-safe is given up, at the same level.
        Abort "aborted" {}
        needs [IS_OPEN => Ended, OneOf(LEVEL, UNDECIDED) => Illegal]
        sets [END = Number(End::Aborted as u64)],

        /// Soft-safe is turned down, at the same level.
        Reject "rejected" {}
        needs [IS_OPEN => Ended, Equal(LEVEL, SOFT_SAFE) => Illegal]
        sets [END = Number(End::Rejected as u64)],

        /// Soft-safe takes too long, at the same level.
        TimeOut "timed_out" {}
        needs [IS_OPEN => Ended, Equal(LEVEL, SOFT_SAFE) => Illegal]
        sets [END = Number(End::TimedOut as u64)],

        /// Something becomes visible downstream, behind a gate that asks for a level.
        Cross "gate_crossed" {
            /// What the gate asks for.
            gate: AgreementLevel,
        }
        needs [
            AtMost(Given(0), LEVEL) => GateClosed,
            Any(&[Equal(Given(0), NONE), OneOf(END, STANDING)]) => Ended,
        ]
        sets [GATE = Larger(&GATE, &Given(0))],
    }
    initial All(&[OneOf(LEVEL, &[0, 1]), IS_OPEN, Equal(GATE, NONE)]);
    invariants {
        /// It has ended as final exactly when its level is final.
        "final" All(&[
            Implies(&Equal(END, Number(End::Finalized as u64)), &Equal(LEVEL, FINALIZED)),
            Implies(&Equal(LEVEL, FINALIZED), &Equal(END, Number(End::Finalized as u64))),
        ]), Break::Put("finalized", LEVEL, LEVEL);
        /// Where no agreement was asked for, none ends.
        "unasked" Implies(&Equal(LEVEL, NONE), &IS_OPEN), Break::Need("aborted", 1);
        /// No gate above the level was crossed.
        "gates" AtMost(GATE, LEVEL), Break::Need("gate_crossed", 0);
        /// Turned down or too late is said of soft-safe agreements only.
        "soft_ends" Implies(
            &OneOf(END, &[End::Rejected as u64, End::TimedOut as u64]),
            &Equal(LEVEL, SOFT_SAFE),
        ), Break::Need("rejected", 1);
    }
    laws {
        /// Levels never go down.
        "levels_grow" AtMost(LEVEL, After(&LEVEL)), Break::Put("rejected", LEVEL, PROVISIONAL);
        /// An end does not change, and neither does its level.
        "ends_are_final" Implies(
            &Not(&IS_OPEN),
            &All(&[Equal(END, After(&END)), Equal(LEVEL, After(&LEVEL))]),
        ), Break::Need("timed_out", 0);
        /// A crossed gate stays crossed.
        "gates_grow" AtMost(GATE, After(&GATE)), Break::Put("gate_crossed", GATE, Given(0));
    }
    goal All(&[Equal(END, Number(End::Finalized as u64)), Equal(GATE, FINALIZED)]), 2;
}

impl Agreement {
    /// Where an agreement is asked for.
    pub const ASKED: Self = Self { level: Level::Provisional, end: End::Open, gate: Level::None };
    /// Where none is.
    pub const NOT_ASKED: Self = Self { level: Level::None, end: End::Open, gate: Level::None };
}

impl AgreementLevel {
    /// The rank: 0 for none to 3 for finalised.
    pub const fn rank(self) -> u64 {
        self as u64
    }
}

impl AgreementEnd {
    /// The outcome, once there is one.
    pub const fn outcome(self) -> Option<FinalizationOutcome> {
        Some(match self {
            Self::Open => return None,
            Self::Finalized => FinalizationOutcome::Finalized,
            Self::Aborted => FinalizationOutcome::Aborted,
            Self::Rejected => FinalizationOutcome::Rejected,
            Self::TimedOut => FinalizationOutcome::TimedOut,
        })
    }
}

impl From<Option<FinalizationOutcome>> for AgreementEnd {
    fn from(outcome: Option<FinalizationOutcome>) -> Self {
        match outcome {
            None => Self::Open,
            Some(FinalizationOutcome::Finalized) => Self::Finalized,
            Some(FinalizationOutcome::Aborted) => Self::Aborted,
            Some(FinalizationOutcome::Rejected) => Self::Rejected,
            Some(FinalizationOutcome::TimedOut) => Self::TimedOut,
        }
    }
}

/// One step of an agreement, as before and after: the published relation of levels and outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgreementEscalation {
    /// The level before.
    pub previous_level: AgreementLevel,
    /// The level after.
    pub new_level: AgreementLevel,
    /// How it ends by this step, if it does.
    pub finalization: Option<FinalizationOutcome>,
}

impl AgreementEscalation {
    /// The event of the table that this step is.
    ///
    /// # Errors
    /// `Illegal`, or what the table says, where the relation does not permit the step. It permits: provisional to
    /// soft-safe; provisional or soft-safe to finalised with that outcome; provisional to aborted at the same level;
    /// soft-safe to aborted, rejected or timed out at the same level.
    pub fn event(self) -> Result<AgreementEvent, AgreementError> {
        let event = match self.finalization {
            None => AgreementEvent::SoftSafe {},
            Some(FinalizationOutcome::Finalized) => AgreementEvent::Finalize {},
            Some(FinalizationOutcome::Aborted) => AgreementEvent::Abort {},
            Some(FinalizationOutcome::Rejected) => AgreementEvent::Reject {},
            Some(FinalizationOutcome::TimedOut) => AgreementEvent::TimeOut {},
        };
        let before = Agreement { level: self.previous_level, end: End::Open, gate: Level::None };
        let after = before.apply(event)?;
        if after.level == self.new_level { Ok(event) } else { Err(AgreementError::Illegal) }
    }

    /// Whether the relation permits the step.
    pub fn is_legal(self) -> bool {
        self.event().is_ok()
    }
}
