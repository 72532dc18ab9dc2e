//! The transition of a run to something new: staged, admitted, and then cut over once, or not at all.

use crate::names::names;
use crate::table::{Break, Formula::*, Term::*, machine};

names! {
    /// Where a transition stands.
    TransitionArtifactPhase {
        /// It is known what would become of everything. Nothing has changed.
        Staged "staged",
        /// Contracts and compatibility allow it. Nothing has changed.
        Admitted "admitted",
        /// It is done.
        CommittedCutover "committed_cutover",
        /// It was given up before anything changed.
        RolledBack "rolled_back",
        /// It was refused, and nothing has changed.
        Failed "failed",
    }
}

use TransitionArtifactPhase as Phase;

const YES: crate::table::Term = Number(1);
const NO: crate::table::Term = Number(0);
const STAGED: crate::table::Term = Number(Phase::Staged as u64);
const ADMITTED: crate::table::Term = Number(Phase::Admitted as u64);
const CUT_OVER: crate::table::Term = Number(Phase::CommittedCutover as u64);
const OPEN: &[u64] = &[Phase::Staged as u64, Phase::Admitted as u64];
const GRANTED_IN: &[u64] = &[Phase::Admitted as u64, Phase::CommittedCutover as u64];

machine! {
    /// One transition. Only what was admitted is cut over, once; what has ended stays as it is.
    Transition = TRANSITION "transition";
    fields {
        /// Where it stands.
        PHASE phase: TransitionArtifactPhase,
        /// Whether it was granted.
        GRANTED granted: bool,
        /// How often the run was cut over.
        CUTS cut_overs: u64,
    }
    refusals TransitionError {
        /// It has ended.
        Ended "the transition has ended",
        /// It was admitted before.
        AlreadyAdmitted "the transition was admitted before",
        /// It is not granted.
        NotGranted "the transition is not granted",
        /// Only what was admitted is cut over.
        NotAdmitted "the transition was not admitted",
    }
    events TransitionEvent {
        /// Contracts and compatibility are looked at.
        Admit "admit" {
            /// Whether they allow it.
            granted: bool,
        }
        needs [
            OneOf(PHASE, OPEN) => Ended,
            Equal(PHASE, STAGED) => AlreadyAdmitted,
            Equal(Given(0), YES) => NotGranted,
        ]
        sets [PHASE = ADMITTED, GRANTED = Given(0)],

        /// The run is cut over.
        CutOver "cut_over" {}
        needs [Differ(PHASE, STAGED) => NotAdmitted, Equal(PHASE, ADMITTED) => Ended]
        sets [PHASE = CUT_OVER, CUTS = Plus(&CUTS, &YES)],

        /// It is given up.
        RollBack "roll_back" {}
        needs [OneOf(PHASE, OPEN) => Ended]
        sets [PHASE = Number(Phase::RolledBack as u64)],

        /// It was refused, by contracts or by what the run had become.
        Fail "fail" {}
        needs [OneOf(PHASE, OPEN) => Ended]
        sets [PHASE = Number(Phase::Failed as u64)],
    }
    initial All(&[Equal(PHASE, STAGED), Equal(GRANTED, NO), Equal(CUTS, NO)]);
    invariants {
        /// What was admitted or cut over was granted.
        "granted" Implies(&OneOf(PHASE, GRANTED_IN), &Equal(GRANTED, YES)), Break::Need("admit", 2);
        /// A run is cut over once where it is cut over.
        "once" Implies(&Equal(PHASE, CUT_OVER), &Equal(CUTS, YES)), Break::Put("cut_over", CUTS, Number(2));
        /// And not at all where it is not.
        "not_at_all" Implies(&Differ(PHASE, CUT_OVER), &Equal(CUTS, NO)), Break::Need("roll_back", 0);
    }
    laws {
        /// What has ended stays as it is.
        "ended_stays" Implies(&Not(&OneOf(PHASE, OPEN)), &Equal(After(&PHASE), PHASE)), Break::Need("fail", 0);
    }
    goal Equal(PHASE, CUT_OVER), 2;
}

impl Transition {
    /// One that has been staged.
    pub const STAGED: Self = Self { phase: Phase::Staged, granted: false, cut_overs: 0 };
}
