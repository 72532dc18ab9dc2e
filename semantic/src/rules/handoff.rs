//! A handoff of an operation's owner: settle what is pending, revoke, then activate. Never two owners.

use crate::names::names;
use crate::table::{Break, Formula::*, Term::*, machine};

names! {
    /// Where a handoff stands.
    HandoffPhase {
        /// It was begun; the old owner acts.
        Begun "begun",
        /// The old owner has no right any more; nobody acts.
        Revoked "revoked",
        /// The new owner acts.
        Committed "committed",
        /// It was undone; the old owner acts.
        RolledBack "rolled_back",
        /// It broke between revoking and activating; nobody acts.
        Failed "failed",
    }
}

use HandoffPhase as Phase;

const YES: crate::table::Term = Number(1);
const NO: crate::table::Term = Number(0);
const BEGUN: crate::table::Term = Number(Phase::Begun as u64);
const REVOKED: crate::table::Term = Number(Phase::Revoked as u64);
const COMMITTED: crate::table::Term = Number(Phase::Committed as u64);
const OPEN: &[u64] = &[Phase::Begun as u64, Phase::Revoked as u64];
const IS_OPEN: crate::table::Formula = OneOf(PHASE, OPEN);

machine! {
    /// One handoff. Every effect that was pending when it began is transported or invalidated exactly once, after the
    /// old owner was revoked and before the new one is activated.
    Handoff = HANDOFF "handoff";
    fields {
        /// Where it stands.
        PHASE phase: HandoffPhase,
        /// Whether the old owner may act.
        OLD old_acts: bool,
        /// Whether the new owner may act.
        NEW new_acts: bool,
        /// How many effects were pending when it began.
        AFFECTED affected: u64,
        /// How many of them wait to be settled.
        PENDING pending: u64,
        /// How many were transported.
        TRANSPORTED transported: u64,
        /// How many were invalidated.
        INVALIDATED invalidated: u64,
    }
    refusals HandoffError {
        /// It has ended.
        Ended "the handoff has ended",
        /// The old owner was not revoked yet.
        NotRevoked "the old owner must be revoked first",
        /// The old owner was revoked.
        AlreadyRevoked "the old owner is revoked; the handoff can only go on",
        /// Effects wait to be settled.
        Unsettled "effects that were pending are neither transported nor invalidated",
        /// All effects are settled.
        NothingPending "every effect is settled; none is settled twice",
    }
    events HandoffEvent {
        /// The old owner loses its right.
        Revoke "revoke" {}
        needs [IS_OPEN => Ended, Equal(PHASE, BEGUN) => AlreadyRevoked]
        sets [PHASE = REVOKED, OLD = NO],

        /// An effect goes on under the new owner.
        Transport "transport" {}
        needs [IS_OPEN => Ended, Equal(PHASE, REVOKED) => NotRevoked, Below(NO, PENDING) => NothingPending]
        sets [PENDING = Minus(&PENDING, &YES), TRANSPORTED = Plus(&TRANSPORTED, &YES)],

        /// An effect's later result will be refused.
        Invalidate "invalidate" {}
        needs [IS_OPEN => Ended, Equal(PHASE, REVOKED) => NotRevoked, Below(NO, PENDING) => NothingPending]
        sets [PENDING = Minus(&PENDING, &YES), INVALIDATED = Plus(&INVALIDATED, &YES)],

        /// The new owner gets its right.
        Activate "activate" {}
        needs [IS_OPEN => Ended, Equal(PHASE, REVOKED) => NotRevoked, Equal(PENDING, NO) => Unsettled]
        sets [PHASE = COMMITTED, NEW = YES],

        /// It is undone, before anything was taken away.
        RollBack "roll_back" {}
        needs [IS_OPEN => Ended, Equal(PHASE, BEGUN) => AlreadyRevoked]
        sets [PHASE = Number(Phase::RolledBack as u64), PENDING = NO, AFFECTED = NO],

        /// It broke: the session faults, and nobody acts.
        Fail "fail" {}
        needs [IS_OPEN => Ended]
        sets [PHASE = Number(Phase::Failed as u64), OLD = NO],
    }
    initial All(&[
        Equal(PHASE, BEGUN),
        Equal(OLD, YES),
        Equal(NEW, NO),
        Equal(PENDING, AFFECTED),
        Equal(TRANSPORTED, NO),
        Equal(INVALIDATED, NO),
    ]);
    invariants {
        /// Never two owners.
        "one_owner" Not(&All(&[Equal(OLD, YES), Equal(NEW, YES)])), Break::Put("activate", OLD, YES);
        /// The old owner acts only before it is revoked, or after the handoff was undone.
        "revoked" Implies(&Equal(OLD, YES), &OneOf(PHASE, &[Phase::Begun as u64, Phase::RolledBack as u64])),
            Break::Put("fail", OLD, OLD);
        /// The new owner acts exactly once it is committed.
        "activated" All(&[
            Implies(&Equal(NEW, YES), &Equal(PHASE, COMMITTED)),
            Implies(&Equal(PHASE, COMMITTED), &Equal(NEW, YES)),
        ]), Break::Put("activate", NEW, NO);
        /// Nothing is settled twice and nothing gets lost.
        "accounts" Equal(AFFECTED, Plus(&PENDING, &Plus(&TRANSPORTED, &INVALIDATED))),
            Break::Put("transport", PENDING, PENDING);
        /// A committed handoff leaves nothing pending.
        "settled" Implies(&Equal(PHASE, COMMITTED), &Equal(PENDING, NO)), Break::Need("activate", 2);
        /// Nothing is settled before the old owner is revoked.
        "untouched" Implies(
            &OneOf(PHASE, &[Phase::Begun as u64, Phase::RolledBack as u64]),
            &All(&[Equal(TRANSPORTED, NO), Equal(INVALIDATED, NO)]),
        ), Break::Need("roll_back", 1);
    }
    laws {
        /// The new owner is activated only from the state in which the old one is revoked.
        "revoke_before_activate" Implies(
            &All(&[Equal(NEW, NO), Equal(After(&NEW), YES)]),
            &All(&[Equal(PHASE, REVOKED), Equal(OLD, NO)]),
        ), Break::Need("activate", 1);
        /// Who was revoked does not come back.
        "revoked_for_good" Implies(&Equal(OLD, NO), &Equal(After(&OLD), NO)), Break::Put("activate", OLD, YES);
        /// What has ended stays ended.
        "ends_are_final" Implies(&Not(&IS_OPEN), &Equal(PHASE, After(&PHASE))), Break::Need("fail", 0);
    }
    goal All(&[Equal(PHASE, COMMITTED), Equal(TRANSPORTED, Number(2)), Equal(INVALIDATED, YES)]), 5;
}

impl Handoff {
    /// A handoff that begins while this many effects are pending.
    pub const fn new(affected: u64) -> Self {
        Self {
            phase: Phase::Begun,
            old_acts: true,
            new_acts: false,
            affected,
            pending: affected,
            transported: 0,
            invalidated: 0,
        }
    }
}
