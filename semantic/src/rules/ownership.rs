//! Who owns a session: claim, release, transfer, and what a stale capability may still do (nothing).

use crate::names::names;
use crate::table::{Break, Formula::*, Term::*, machine};

names! {
    /// Where a session's ownership stands.
    OwnershipPhase {
        /// Nobody owns it.
        Unclaimed "unclaimed",
        /// It has one owner.
        Claimed "claimed",
        /// It has one owner, who has begun to hand it over.
        Transferring "transferring",
        /// Its owner died, or a transfer could not be committed.
        Faulted "faulted",
        /// A transfer was abandoned.
        Cancelled "cancelled",
    }
}

const UNCLAIMED: crate::table::Term = Number(OwnershipPhase::Unclaimed as u64);
const CLAIMED: crate::table::Term = Number(OwnershipPhase::Claimed as u64);
const TRANSFERRING: crate::table::Term = Number(OwnershipPhase::Transferring as u64);
const FAULTED: crate::table::Term = Number(OwnershipPhase::Faulted as u64);
const CANCELLED: crate::table::Term = Number(OwnershipPhase::Cancelled as u64);
const ENDED: &[u64] = &[OwnershipPhase::Faulted as u64, OwnershipPhase::Cancelled as u64];
const OWNED: &[u64] = &[OwnershipPhase::Claimed as u64, OwnershipPhase::Transferring as u64];
const ZERO: crate::table::Term = Number(0);
const ONE: crate::table::Term = Number(1);
const LIVE: crate::table::Formula = Not(&OneOf(PHASE, ENDED));

machine! {
    /// Ownership of one session. An owner is a positive number, which the host maps to an owner's id. A capability is
    /// the pair of owner and generation; every change of owner makes all earlier capabilities stale, for ever.
    Ownership = OWNERSHIP "ownership";
    fields {
        /// Where it stands.
        PHASE phase: OwnershipPhase,
        /// The owner; 0 for nobody.
        OWNER owner: u64,
        /// The generation of the capability that is in force, or of the next one.
        GENERATION generation: u64,
        /// To whom a transfer has begun; 0 without one.
        HEIR heir: u64,
        /// The claim id of the transfer that has begun; 0 without one.
        RECEIPT receipt: u64,
        /// The next claim id.
        NEXT_CLAIM next_claim: u64,
    }
    refusals OwnershipError {
        /// There is no such session.
        SessionNotFound "there is no such session",
        /// It has an owner.
        AlreadyClaimed "the session has an owner",
        /// It has none.
        Unclaimed "the session has no owner; claim it first",
        /// The capability is of another owner or an earlier generation.
        StaleCapability "the capability is not the one in force; its owner or generation has passed on",
        /// The capability's scope does not cover this.
        ScopeViolation "the capability's scope does not cover this",
        /// A transfer has begun.
        TransferPending "a transfer has begun; commit it or roll it back first",
        /// None has begun.
        TransferNotPending "no transfer has begun",
        /// The receipt is of another transfer.
        ReceiptMismatch "the receipt is of another transfer",
        /// The witness was not issued, or for something else.
        InvalidWitness "the witness was not issued for this",
        /// The witness was used.
        WitnessConsumed "the witness was used before",
        /// The session's ownership has ended.
        Terminal "the session's ownership has ended",
    }
    events OwnershipEvent {
        /// A session without an owner gets one.
        Claim "claim" {
            /// The owner.
            owner: u64,
        }
        needs [
            LIVE => Terminal,
            Equal(PHASE, UNCLAIMED) => AlreadyClaimed,
            Differ(Given(0), ZERO) => InvalidWitness,
        ]
        sets [PHASE = CLAIMED, OWNER = Given(0), NEXT_CLAIM = Plus(&NEXT_CLAIM, &ONE)],

        /// The owner gives it up. The generation goes on, so that the capability does not come back to life when the
        /// same owner claims again.
        Release "release" {
            /// Whose capability.
            owner: u64,
            /// Its generation.
            generation: u64,
            /// Whether the capability covers all that was claimed.
            whole: bool,
        }
        needs [
            LIVE => Terminal,
            Differ(PHASE, UNCLAIMED) => Unclaimed,
            All(&[Equal(OWNER, Given(0)), Equal(GENERATION, Given(1))]) => StaleCapability,
            Equal(PHASE, CLAIMED) => TransferPending,
            Equal(Given(2), ONE) => ScopeViolation,
        ]
        sets [PHASE = UNCLAIMED, OWNER = ZERO, GENERATION = Plus(&GENERATION, &ONE)],

        /// The owner begins to hand it over; the receipt carries the claim id.
        BeginTransfer "begin_transfer" {
            /// Whose capability.
            owner: u64,
            /// Its generation.
            generation: u64,
            /// To whom.
            heir: u64,
            /// Whether the capability covers all that was claimed.
            whole: bool,
        }
        needs [
            LIVE => Terminal,
            Differ(PHASE, UNCLAIMED) => Unclaimed,
            All(&[Equal(OWNER, Given(0)), Equal(GENERATION, Given(1))]) => StaleCapability,
            Equal(PHASE, CLAIMED) => TransferPending,
            Differ(Given(2), ZERO) => InvalidWitness,
            Equal(Given(3), ONE) => ScopeViolation,
        ]
        sets [
            PHASE = TRANSFERRING,
            HEIR = Given(2),
            RECEIPT = NEXT_CLAIM,
            NEXT_CLAIM = Plus(&NEXT_CLAIM, &ONE),
        ],

        /// The transfer is done: the old capability is stale from here on, the heir's is in force.
        CommitTransfer "commit_transfer" {
            /// The receipt's claim id.
            receipt: u64,
        }
        needs [
            LIVE => Terminal,
            Equal(PHASE, TRANSFERRING) => TransferNotPending,
            Equal(RECEIPT, Given(0)) => ReceiptMismatch,
        ]
        sets [
            PHASE = CLAIMED,
            OWNER = HEIR,
            GENERATION = Plus(&GENERATION, &ONE),
            HEIR = ZERO,
            RECEIPT = ZERO,
        ],

        /// The transfer is undone: everything is as before it.
        RollBackTransfer "roll_back_transfer" {
            /// The receipt's claim id.
            receipt: u64,
        }
        needs [
            LIVE => Terminal,
            Equal(PHASE, TRANSFERRING) => TransferNotPending,
            Equal(RECEIPT, Given(0)) => ReceiptMismatch,
        ]
        sets [PHASE = CLAIMED, HEIR = ZERO, RECEIPT = ZERO],

        /// The owner makes a capability of a narrower scope from its own.
        Attenuate "attenuate" {
            /// Whose capability.
            owner: u64,
            /// Its generation.
            generation: u64,
            /// Whether the scope that is asked for lies within the capability's.
            within: bool,
        }
        needs [
            LIVE => Terminal,
            Differ(PHASE, UNCLAIMED) => Unclaimed,
            All(&[Equal(OWNER, Given(0)), Equal(GENERATION, Given(1))]) => StaleCapability,
            Equal(Given(2), ONE) => ScopeViolation,
        ]
        sets [],

        /// The owner does something with the session: changes a handler, asks for a readiness witness, uses one.
        Exercise "exercise" {
            /// Whose capability.
            owner: u64,
            /// Its generation.
            generation: u64,
            /// Whether what is asked for lies within the capability's scope.
            within: bool,
        }
        needs [
            LIVE => Terminal,
            Differ(PHASE, UNCLAIMED) => Unclaimed,
            All(&[Equal(OWNER, Given(0)), Equal(GENERATION, Given(1))]) => StaleCapability,
            Equal(PHASE, CLAIMED) => TransferPending,
            Equal(Given(2), ONE) => ScopeViolation,
        ]
        sets [],

        /// The owner died: the session faults.
        OwnerDied "owner_died" {
            /// Who died.
            owner: u64,
        }
        needs [
            LIVE => Terminal,
            Differ(PHASE, UNCLAIMED) => Unclaimed,
            Equal(OWNER, Given(0)) => StaleCapability,
        ]
        sets [PHASE = FAULTED, OWNER = ZERO, GENERATION = Plus(&GENERATION, &ONE), HEIR = ZERO, RECEIPT = ZERO],

        /// A transfer was abandoned: the session is cancelled.
        AbandonTransfer "abandon_transfer" {
            /// The receipt's claim id.
            receipt: u64,
        }
        needs [
            LIVE => Terminal,
            Equal(PHASE, TRANSFERRING) => TransferNotPending,
            Equal(RECEIPT, Given(0)) => ReceiptMismatch,
        ]
        sets [PHASE = CANCELLED, OWNER = ZERO, GENERATION = Plus(&GENERATION, &ONE), HEIR = ZERO, RECEIPT = ZERO],

        /// A transfer could not be committed: the session faults.
        FailCommit "fail_commit" {
            /// The receipt's claim id.
            receipt: u64,
        }
        needs [
            LIVE => Terminal,
            Equal(PHASE, TRANSFERRING) => TransferNotPending,
            Equal(RECEIPT, Given(0)) => ReceiptMismatch,
        ]
        sets [PHASE = FAULTED, OWNER = ZERO, GENERATION = Plus(&GENERATION, &ONE), HEIR = ZERO, RECEIPT = ZERO],
    }
    initial All(&[
        Equal(PHASE, UNCLAIMED),
        Equal(OWNER, ZERO),
        Equal(GENERATION, ZERO),
        Equal(HEIR, ZERO),
        Equal(RECEIPT, ZERO),
        Equal(NEXT_CLAIM, ONE),
    ]);
    invariants {
        /// There is an owner exactly while the session is claimed or being handed over.
        "owned" All(&[
            Implies(&OneOf(PHASE, OWNED), &Differ(OWNER, ZERO)),
            Implies(&Differ(OWNER, ZERO), &OneOf(PHASE, OWNED)),
        ]), Break::Need("claim", 2);
        /// An heir and a receipt exist exactly during a transfer.
        "transfer" All(&[
            Implies(&Equal(PHASE, TRANSFERRING), &All(&[Differ(HEIR, ZERO), Differ(RECEIPT, ZERO)])),
            Implies(&Differ(PHASE, TRANSFERRING), &All(&[Equal(HEIR, ZERO), Equal(RECEIPT, ZERO)])),
        ]), Break::Put("commit_transfer", RECEIPT, RECEIPT);
        /// Claim ids are used once: the receipt's was given out before the next one.
        "claims" Below(RECEIPT, NEXT_CLAIM), Break::Put("begin_transfer", NEXT_CLAIM, NEXT_CLAIM);
    }
    laws {
        /// Generations do not go back.
        "generations_grow" AtMost(GENERATION, After(&GENERATION)), Break::Put("release", GENERATION, ZERO);
        /// An owner who no longer is one finds the capability stale: whoever loses the session loses the generation.
        "old_capabilities_are_stale" Implies(
            &All(&[Differ(OWNER, ZERO), Differ(OWNER, After(&OWNER))]),
            &Below(GENERATION, After(&GENERATION)),
        ), Break::Put("commit_transfer", GENERATION, GENERATION);
        /// What has ended stays ended.
        "ends_are_final" Implies(&OneOf(PHASE, ENDED), &Equal(PHASE, After(&PHASE))), Break::Need("owner_died", 0);
        /// Nobody becomes the owner while somebody else is, except the heir of a committed transfer.
        "only_heirs_follow" Implies(
            &All(&[Differ(OWNER, ZERO), Differ(After(&OWNER), ZERO), Differ(OWNER, After(&OWNER))]),
            &All(&[Equal(PHASE, TRANSFERRING), Equal(After(&OWNER), HEIR)]),
        ), Break::Need("claim", 1);
    }
    goal All(&[Equal(PHASE, CLAIMED), Equal(GENERATION, Number(2)), Equal(OWNER, Number(7))]), 5;
}

impl Ownership {
    /// A session that nobody owns yet. The first claim has generation 0 and claim id 1.
    pub const NEW: Self =
        Self { phase: OwnershipPhase::Unclaimed, owner: 0, generation: 0, heir: 0, receipt: 0, next_claim: 1 };
}
