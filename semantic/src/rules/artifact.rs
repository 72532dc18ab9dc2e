//! The life of an authority artifact: issued once, ended once. The events are the audit's.

use crate::names::names;
use crate::table::{Break, Formula::*, Term::*, machine};

names! {
    /// What the authority audit records.
    AuthorityAuditEvent {
        /// It was given out.
        Issued "issued",
        /// It was used up.
        Consumed "consumed",
        /// It lost its force.
        Invalidated "invalidated",
        /// What it announced was done.
        Committed "committed",
        /// What it announced was undone.
        RolledBack "rolled_back",
        /// It was shown and refused.
        Rejected "rejected",
        /// Its time was over.
        Expired "expired",
    }

    /// The kinds of authority artifacts.
    AuthorityArtifactKind {
        /// The right to act as the owner.
        OwnershipCapability "ownership_capability",
        /// A transfer that has begun.
        OwnershipReceipt "ownership_receipt",
        /// Readiness.
        Readiness "readiness",
        /// Cancellation.
        Cancellation "cancellation",
        /// A timeout.
        Timeout "timeout",
    }

    /// Where an artifact stands.
    ArtifactPhase {
        /// It was not issued.
        Absent "absent",
        /// It is in force.
        Issued "issued",
        /// It was used up.
        Consumed "consumed",
        /// It lost its force.
        Invalidated "invalidated",
        /// What it announced was done.
        Committed "committed",
        /// What it announced was undone.
        RolledBack "rolled_back",
        /// Somebody showed it although it was never issued.
        Rejected "rejected",
        /// Its time was over.
        Expired "expired",
    }
}

use ArtifactPhase as Phase;
use AuthorityArtifactKind as Kind;

const ZERO: crate::table::Term = Number(0);
const ONE: crate::table::Term = Number(1);
const ABSENT: crate::table::Term = Number(Phase::Absent as u64);
const ISSUED: crate::table::Term = Number(Phase::Issued as u64);
const OPEN: &[u64] = &[Phase::Absent as u64, Phase::Issued as u64];
const RECEIPT: &[u64] = &[Kind::OwnershipReceipt as u64];
const WITNESS: &[u64] = &[Kind::Readiness as u64, Kind::Cancellation as u64];
const WITHDRAWN: &[u64] = &[Kind::OwnershipCapability as u64, Kind::Readiness as u64];
const TIMED: &[u64] = &[Kind::Timeout as u64];

machine! {
    /// One authority artifact: capability, receipt or witness. It is used at most once. Showing it wrongly is refused
    /// and recorded, and does not take it from whoever holds it.
    Artifact = ARTIFACT "artifact";
    fields {
        /// Where it stands.
        PHASE phase: ArtifactPhase,
        /// What it is.
        KIND kind: AuthorityArtifactKind,
        /// How often it was used.
        USES uses: u64,
    }
    refusals ArtifactError {
        /// It was issued before.
        AlreadyIssued "the artifact was issued before",
        /// It was never issued.
        NotIssued "the artifact was never issued",
        /// It has ended.
        Ended "the artifact was used up, or has lost its force",
        /// Artifacts of this kind do not end this way.
        WrongKind "artifacts of this kind do not end this way",
    }
    events ArtifactEvent {
        /// It is given out.
        Issue "issued" {}
        needs [Equal(PHASE, ABSENT) => AlreadyIssued]
        sets [PHASE = ISSUED],

        /// A witness is used.
        Consume "consumed" {}
        needs [
            Differ(PHASE, ABSENT) => NotIssued,
            Equal(PHASE, ISSUED) => Ended,
            OneOf(KIND, WITNESS) => WrongKind,
        ]
        sets [PHASE = Number(Phase::Consumed as u64), USES = Plus(&USES, &ONE)],

        /// A capability or a readiness witness loses its force, because the owner changed.
        Invalidate "invalidated" {}
        needs [
            Differ(PHASE, ABSENT) => NotIssued,
            Equal(PHASE, ISSUED) => Ended,
            OneOf(KIND, WITHDRAWN) => WrongKind,
        ]
        sets [PHASE = Number(Phase::Invalidated as u64)],

        /// The transfer of a receipt is done.
        Commit "committed" {}
        needs [
            Differ(PHASE, ABSENT) => NotIssued,
            Equal(PHASE, ISSUED) => Ended,
            OneOf(KIND, RECEIPT) => WrongKind,
        ]
        sets [PHASE = Number(Phase::Committed as u64), USES = Plus(&USES, &ONE)],

        /// The transfer of a receipt is undone.
        RollBack "rolled_back" {}
        needs [
            Differ(PHASE, ABSENT) => NotIssued,
            Equal(PHASE, ISSUED) => Ended,
            OneOf(KIND, RECEIPT) => WrongKind,
        ]
        sets [PHASE = Number(Phase::RolledBack as u64), USES = Plus(&USES, &ONE)],

        /// It is shown and refused. One that was never issued is rejected for good; others stay as they are.
        Reject "rejected" {}
        needs []
        sets [PHASE = Mapped(&PHASE, &[6, 1, 2, 3, 4, 5, 6, 7])],

        /// A timeout is over.
        Expire "expired" {}
        needs [
            Differ(PHASE, ABSENT) => NotIssued,
            Equal(PHASE, ISSUED) => Ended,
            OneOf(KIND, TIMED) => WrongKind,
        ]
        sets [PHASE = Number(Phase::Expired as u64)],
    }
    initial All(&[Equal(PHASE, ABSENT), Equal(USES, ZERO)]);
    invariants {
        /// It is used at most once.
        "one_use" AtMost(USES, ONE), Break::Need("consumed", 1);
        /// What is in force was not used.
        "unused" Implies(&OneOf(PHASE, OPEN), &Equal(USES, ZERO)), Break::Put("consumed", PHASE, PHASE);
    }
    laws {
        /// What has ended stays ended.
        "ends_are_final" Implies(&Not(&OneOf(PHASE, OPEN)), &Equal(PHASE, After(&PHASE))), Break::Need("expired", 1);
        /// A rejection takes nothing from whoever holds it: what is in force ends only as its kind may.
        "kinds_keep" Implies(
            &All(&[Equal(PHASE, ISSUED), Equal(After(&PHASE), Number(Phase::Consumed as u64))]),
            &OneOf(KIND, WITNESS),
        ), Break::Need("consumed", 2);
    }
    goal Equal(PHASE, Number(Phase::RolledBack as u64)), 2;
}

impl Artifact {
    /// An artifact of this kind that was not issued yet.
    pub const fn new(kind: AuthorityArtifactKind) -> Self {
        Self { phase: ArtifactPhase::Absent, kind, uses: 0 }
    }
}
