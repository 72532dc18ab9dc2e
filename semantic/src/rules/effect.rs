//! The life of one effect: asked, perhaps blocked, perhaps carried through a handoff, answered once or invalidated.

use crate::objects::OutstandingEffectStatus;
use crate::table::{Break, Formula::*, Term::*, machine};

use OutstandingEffectStatus as Status;

const YES: crate::table::Term = Number(1);
const NO: crate::table::Term = Number(0);
const OPEN: &[u64] = &[Status::Pending as u64, Status::Blocked as u64];
const IS_OPEN: crate::table::Formula = OneOf(STATUS, OPEN);
const NOT_DONE: crate::table::Formula = Not(&OneOf(STATUS, DONE));
const DONE: &[u64] = &[Status::Succeeded as u64, Status::Failed as u64, Status::Cancelled as u64];
const INVALIDATED: crate::table::Term = Number(Status::Invalidated as u64);

machine! {
    /// One effect that was asked of the host. It has one result. While a handoff is under way it is owed to it, and is
    /// transported or invalidated exactly once before anything else happens to it. Every event names the handoff or
    /// nothing.
    EffectLife = EFFECT "effect";
    fields {
        /// Where it stands.
        STATUS status: OutstandingEffectStatus,
        /// Whether success needs a passed proof with its handle.
        REQUIRED requires_proof: bool,
        /// Whether success came with one.
        PROVED proved: bool,
        /// The handoff to which it is owed; 0 for none.
        OWED owed_to: u64,
        /// How many results were taken.
        RESULTS results: u64,
        /// How many handoffs it went through.
        CARRIED carried: u64,
    }
    refusals EffectError {
        /// It was invalidated before the result came.
        LateResult "the effect was invalidated; a result that comes later is rejected",
        /// It has its result.
        AlreadyCompleted "the effect has its result",
        /// It is owed to a handoff.
        InHandoff "a handoff is under way; settle the effect first, and offer the result again",
        /// It is not owed to this handoff.
        NotOwed "the effect is not owed to this handoff: it was settled, or never pending",
        /// The success needs a proof.
        ProofMissing "the operation needs a passed proof with its handle to succeed",
    }
    events EffectEvent {
        /// The host cannot answer yet.
        Block "blocked" {}
        needs [
            Differ(STATUS, INVALIDATED) => LateResult,
            NOT_DONE => AlreadyCompleted,
            Equal(OWED, NO) => InHandoff,
        ]
        sets [STATUS = Number(Status::Blocked as u64)],

        /// The host answered.
        Succeed "succeeded" {
            /// Whether a passed proof with its handle came along.
            proved: bool,
        }
        needs [
            Differ(STATUS, INVALIDATED) => LateResult,
            NOT_DONE => AlreadyCompleted,
            Equal(OWED, NO) => InHandoff,
            Any(&[Equal(REQUIRED, NO), Equal(Given(0), YES)]) => ProofMissing,
        ]
        sets [STATUS = Number(Status::Succeeded as u64), PROVED = Given(0), RESULTS = Plus(&RESULTS, &YES)],

        /// The host failed.
        Fail "failed" {}
        needs [
            Differ(STATUS, INVALIDATED) => LateResult,
            NOT_DONE => AlreadyCompleted,
            Equal(OWED, NO) => InHandoff,
        ]
        sets [STATUS = Number(Status::Failed as u64), RESULTS = Plus(&RESULTS, &YES)],

        /// Whoever asked does not want it any more.
        Cancel "cancelled" {}
        needs [
            Differ(STATUS, INVALIDATED) => LateResult,
            NOT_DONE => AlreadyCompleted,
            Equal(OWED, NO) => InHandoff,
        ]
        sets [STATUS = Number(Status::Cancelled as u64), RESULTS = Plus(&RESULTS, &YES)],

        /// A handoff begins while it is pending.
        Owe "owed" {
            /// The handoff; positive.
            handoff: u64,
        }
        needs [
            Differ(STATUS, INVALIDATED) => LateResult,
            NOT_DONE => AlreadyCompleted,
            Equal(OWED, NO) => InHandoff,
            Differ(Given(0), NO) => NotOwed,
        ]
        sets [OWED = Given(0)],

        /// It goes on under the new owner.
        Transport "transported" {
            /// The handoff.
            handoff: u64,
        }
        needs [All(&[Differ(OWED, NO), Equal(OWED, Given(0))]) => NotOwed]
        sets [OWED = NO, CARRIED = Plus(&CARRIED, &YES)],

        /// It does not go on; its result will be refused.
        Invalidate "invalidated" {
            /// The handoff.
            handoff: u64,
        }
        needs [All(&[Differ(OWED, NO), Equal(OWED, Given(0))]) => NotOwed]
        sets [OWED = NO, STATUS = INVALIDATED],

        /// The handoff was undone; the effect is as before it.
        Keep "kept" {
            /// The handoff.
            handoff: u64,
        }
        needs [All(&[Differ(OWED, NO), Equal(OWED, Given(0))]) => NotOwed]
        sets [OWED = NO],
    }
    initial All(&[
        Equal(STATUS, Number(Status::Pending as u64)),
        Equal(PROVED, NO),
        Equal(OWED, NO),
        Equal(RESULTS, NO),
        Equal(CARRIED, NO),
    ]);
    invariants {
        /// It has at most one result, and one exactly when it has ended with one.
        "one_result" Any(&[
            All(&[NOT_DONE, Equal(RESULTS, NO)]),
            All(&[OneOf(STATUS, DONE), Equal(RESULTS, YES)]),
        ]), Break::Need("failed", 1);
        /// Success that needs a proof has one.
        "proved" Implies(
            &All(&[Equal(STATUS, Number(Status::Succeeded as u64)), Equal(REQUIRED, YES)]),
            &Equal(PROVED, YES),
        ), Break::Need("succeeded", 3);
        /// Only what is open is owed to a handoff.
        "owed" Implies(&Differ(OWED, NO), &IS_OPEN), Break::Need("cancelled", 2);
    }
    laws {
        /// A result that comes after invalidation changes nothing.
        "late_results" Implies(&Equal(STATUS, INVALIDATED), &All(&[
            Equal(After(&STATUS), STATUS),
            Equal(After(&RESULTS), RESULTS),
        ])), Break::Need("succeeded", 0);
        /// A result stays the result.
        "results_stay" Implies(&OneOf(STATUS, DONE), &Equal(After(&STATUS), STATUS)),
            Break::Need("cancelled", 1);
        /// Settling for a handoff ends what is owed to it.
        "settled_once" Implies(&Differ(OWED, NO), &Any(&[
            Equal(After(&OWED), NO),
            Equal(After(&OWED), OWED),
        ])), Break::Need("owed", 2);
        /// It is invalidated for a handoff only.
        "invalidated_by_handoff" Implies(
            &All(&[Differ(STATUS, INVALIDATED), Equal(After(&STATUS), INVALIDATED)]),
            &Differ(OWED, NO),
        ), Break::Need("invalidated", 0);
    }
    goal All(&[Equal(STATUS, Number(Status::Succeeded as u64)), Equal(CARRIED, Number(2)), Equal(PROVED, YES)]), 5;
}

impl EffectLife {
    /// An effect that was just asked.
    pub const fn new(requires_proof: bool) -> Self {
        Self { status: Status::Pending, requires_proof, proved: false, owed_to: 0, results: 0, carried: 0 }
    }
}
