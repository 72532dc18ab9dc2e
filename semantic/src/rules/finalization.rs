//! How an operation becomes the truth: observed, authoritative, materialised, canonical; or invalidated or rejected.

use crate::names::names;
use crate::planted::planted;
use crate::table::{Break, Formula::*, Term::*, machine};

names! {
    /// What kinds of reads an operation rests on.
    FinalizationReadClass {
        /// None.
        None "none",
        /// Observations only.
        ObservedOnly "observed_only",
        /// Authoritative reads only.
        AuthoritativeOnly "authoritative_only",
        /// Both.
        Mixed "mixed",
    }

    /// How far the operation has got. A later one wins: this is the priority.
    FinalizationStage {
        /// Nothing more than observations.
        Observed "observed",
        /// An authoritative read.
        Authoritative "authoritative",
        /// A passed proof.
        Materialized "materialized",
        /// Published as the truth.
        Canonical "canonical",
        /// A publication was turned down.
        Rejected "rejected",
        /// A handoff took it away.
        Invalidated "invalidated",
    }
}

use FinalizationReadClass as Class;
use FinalizationStage as Stage;

const YES: crate::table::Term = Number(1);
const NO: crate::table::Term = Number(0);
const BACKED: &[u64] = &[Class::AuthoritativeOnly as u64, Class::Mixed as u64];
const INVALIDATED: crate::table::Term = Number(Stage::Invalidated as u64);

machine! {
    /// The finalisation of one operation. The stage is the one of highest priority among everything that happened,
    /// so it only ever goes up; what was observed never becomes authority.
    Finalization = FINALIZATION "finalization";
    fields {
        /// What it rests on.
        CLASS read_class: FinalizationReadClass,
        /// How far it has got.
        STAGE stage: FinalizationStage,
        /// Whether its success needs a proof.
        REQUIRED requires_proof: bool,
        /// Whether a proof passed and its handle is there.
        PROVED proved: bool,
        /// How often it was published as canonical.
        PUBLISHED published: u64,
    }
    refusals FinalizationError {
        /// An observation is not authority.
        ObservedIsNotAuthority "an observed read cannot stand where an authoritative one is needed",
        /// The proof did not pass, or has no handle.
        ProofFailed "the proof did not pass, or its handle is missing",
        /// There is no passed proof.
        ProofMissing "the operation needs a passed proof with its handle before it is published",
        /// It was published before.
        AlreadyPublished "the operation has its canonical publication",
        /// A handoff took it away.
        Invalidated "a handoff has invalidated the operation; what comes after it is late",
        /// A publication was turned down.
        Rejected "the operation's publication was rejected",
    }
    events FinalizationEvent {
        /// A read without authority.
        Observe "observe" {}
        needs [Differ(STAGE, INVALIDATED) => Invalidated]
        sets [CLASS = Mapped(&CLASS, &[1, 1, 3, 3])],

        /// A read with authority.
        Authorize "authorize" {
            /// Whether the read is authoritative and was verified or consumed.
            authoritative: bool,
        }
        needs [
            Differ(STAGE, INVALIDATED) => Invalidated,
            Equal(Given(0), YES) => ObservedIsNotAuthority,
        ]
        sets [CLASS = Mapped(&CLASS, &[2, 3, 2, 3]), STAGE = Larger(&STAGE, &Number(Stage::Authoritative as u64))],

        /// A proof of the output.
        Materialize "materialize" {
            /// Whether it passed and has its handle.
            passed: bool,
        }
        needs [
            Differ(STAGE, INVALIDATED) => Invalidated,
            Equal(Given(0), YES) => ProofFailed,
            OneOf(CLASS, BACKED) => ObservedIsNotAuthority,
        ]
        sets [PROVED = YES, STAGE = Larger(&STAGE, &Number(Stage::Materialized as u64))],

        /// It is published as the truth.
        Publish "publish" {}
        needs [
            Differ(STAGE, INVALIDATED) => Invalidated,
            Differ(STAGE, Number(Stage::Rejected as u64)) => Rejected,
            Equal(PUBLISHED, NO) => AlreadyPublished,
            Any(&[Equal(REQUIRED, NO), Equal(PROVED, YES)]) => ProofMissing,
        ]
        sets [PUBLISHED = Plus(&PUBLISHED, &YES), STAGE = Larger(&STAGE, &Number(Stage::Canonical as u64))],

        /// A publication was turned down.
        Reject "reject" {}
        needs []
        sets [STAGE = Larger(&STAGE, &Number(Stage::Rejected as u64))],

        /// A handoff took it away.
        Invalidate "invalidate" {}
        needs []
        sets [STAGE = INVALIDATED],
    }
    initial All(&[
        Equal(CLASS, NO),
        Equal(STAGE, Number(Stage::Observed as u64)),
        Equal(PROVED, NO),
        Equal(PUBLISHED, NO),
    ]);
    invariants {
        /// At most one canonical publication.
        "one_publication" AtMost(PUBLISHED, YES), Break::Need("publish", 2);
        /// A proof-requiring operation is published with its proof.
        "proved" Implies(&All(&[Equal(PUBLISHED, YES), Equal(REQUIRED, YES)]), &Equal(PROVED, YES)),
            Break::Need("publish", 3);
        /// A proof rests on an authoritative read.
        "backed" Implies(&Equal(PROVED, YES), &OneOf(CLASS, BACKED)), Break::Need("materialize", 2);
        /// Nothing is authoritative by observation.
        "authority" Implies(&Equal(STAGE, Number(Stage::Authoritative as u64)), &OneOf(CLASS, BACKED)),
            Break::Put("observe", STAGE, Larger(&STAGE, &Number(Stage::Authoritative as u64)));
        /// Materialised means proved, canonical means published.
        "stages" All(&[
            Implies(&Equal(STAGE, Number(Stage::Materialized as u64)), &Equal(PROVED, YES)),
            Implies(&Equal(STAGE, Number(Stage::Canonical as u64)), &Equal(PUBLISHED, YES)),
            Implies(&Equal(PUBLISHED, YES), &AtMost(Number(Stage::Canonical as u64), STAGE)),
            Implies(&Equal(PROVED, YES), &AtMost(Number(Stage::Materialized as u64), STAGE)),
        ]), Break::Put("publish", PUBLISHED, PUBLISHED);
    }
    laws {
        /// The stage never goes down.
        "priority" AtMost(STAGE, After(&STAGE)), Break::Put("reject", STAGE, Number(Stage::Rejected as u64));
        /// What was invalidated is not published any more.
        "late_publications" Implies(&Equal(STAGE, INVALIDATED), &Equal(PUBLISHED, After(&PUBLISHED))),
            Break::Need("publish", 0);
        /// An observation changes no stage.
        "observations" Implies(&Equal(After(&CLASS), Number(Class::ObservedOnly as u64)), &Any(&[
            Equal(STAGE, After(&STAGE)),
            AtMost(Number(Stage::Canonical as u64), After(&STAGE)),
        ])), Break::Put("observe", STAGE, Larger(&STAGE, &Number(Stage::Authoritative as u64)));
    }
    goal All(&[
        Equal(STAGE, Number(Stage::Canonical as u64)),
        Equal(REQUIRED, YES),
        Equal(CLASS, Number(Class::Mixed as u64)),
    ]), 4;
}

impl Finalization {
    /// An operation of which nothing is known.
    pub const fn new(requires_proof: bool) -> Self {
        Self { read_class: Class::None, stage: Stage::Observed, requires_proof, proved: false, published: 0 }
    }
}

impl FinalizationReadClass {
    /// The class of an operation with such reads.
    pub const fn of(observed: bool, authoritative: bool) -> Self {
        match (observed, authoritative) {
            (false, false) => Self::None,
            (true, false) => Self::ObservedOnly,
            (false, true) => Self::AuthoritativeOnly,
            (true, true) => Self::Mixed,
        }
    }
}

/// What is known of an operation's finalisation: which stages were reached at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StagesReached {
    /// There is an authoritative read.
    pub authoritative: bool,
    /// There is a passed proof.
    pub materialized: bool,
    /// There is a canonical publication.
    pub canonical: bool,
    /// A publication was turned down.
    pub rejected: bool,
    /// A handoff took the operation away.
    pub invalidated: bool,
}

impl FinalizationStage {
    /// The stage of highest priority: invalidated, rejected, canonical, materialised, authoritative, observed.
    pub fn of(reached: StagesReached) -> Self {
        if planted("stage-prefers-canonical") && reached.canonical {
            return Self::Canonical;
        }
        [
            (reached.invalidated, Self::Invalidated),
            (reached.rejected, Self::Rejected),
            (reached.canonical, Self::Canonical),
            (reached.materialized, Self::Materialized),
            (reached.authoritative, Self::Authoritative),
        ]
        .into_iter()
        .find_map(|(reached, stage)| reached.then_some(stage))
        .unwrap_or(Self::Observed)
    }
}
