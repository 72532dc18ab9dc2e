//! What recovery does with an operation: the log is folded by this table, and the decision follows from where it ends.

use super::{AgreementEnd, AgreementLevel, FinalizationOutcome};
use crate::names::names;
use crate::planted::planted;
use crate::table::{Break, Formula::*, Term::*, machine};

names! {
    /// What recovery does with an operation.
    DurableRecoveryAction {
        /// It stands; its outcome is used again.
        ReuseFinalized "reuse_finalized",
        /// It has ended otherwise; that stays.
        PreserveTerminal "preserve_terminal",
        /// It goes on from the evidence that was reached.
        ResumeFromEvidenceBoundary "resume_from_evidence_boundary",
        /// It starts again.
        ReexecuteFromScratch "reexecute_from_scratch",
    }

    /// A recovery action, or none yet.
    RecoveryVerdict {
        /// The log is still being read.
        Undecided "undecided",
        /// [`DurableRecoveryAction::ReuseFinalized`].
        ReuseFinalized "reuse_finalized",
        /// [`DurableRecoveryAction::PreserveTerminal`].
        PreserveTerminal "preserve_terminal",
        /// [`DurableRecoveryAction::ResumeFromEvidenceBoundary`].
        ResumeFromEvidenceBoundary "resume_from_evidence_boundary",
        /// [`DurableRecoveryAction::ReexecuteFromScratch`].
        ReexecuteFromScratch "reexecute_from_scratch",
    }
}

use AgreementEnd as End;
use AgreementLevel as Level;
use RecoveryVerdict as Verdict;

const YES: crate::table::Term = Number(1);
const NO: crate::table::Term = Number(0);
const SOFT_SAFE: crate::table::Term = Number(Level::SoftSafe as u64);
const FINALIZED: crate::table::Term = Number(Level::Finalized as u64);
const OPEN: crate::table::Term = Number(End::Open as u64);
const UNDECIDED: &[u64] = &[Level::Provisional as u64, Level::SoftSafe as u64];
const TERMINAL: &[u64] = &[End::Aborted as u64, End::Rejected as u64, End::TimedOut as u64];
const STANDING: &[u64] = &[End::Open as u64, End::Finalized as u64];
const READING: crate::table::Formula = Equal(VERDICT, Number(Verdict::Undecided as u64));
const IS_OPEN: crate::table::Formula = Equal(END, OPEN);

machine! {
    /// One operation as the log tells it. It starts at the checkpoint, every record moves it, and one of the four
    /// decisions ends it; exactly one is possible in every state. An escalation and the end that belongs to it are two
    /// records, so a log may stop between them.
    Recovery = RECOVERY "recovery";
    fields {
        /// The level in the checkpoint.
        CHECKPOINT checkpoint_level: AgreementLevel,
        /// The level that the log reached.
        LEVEL level: AgreementLevel,
        /// Whether and how it ended.
        END end: AgreementEnd,
        /// The highest gate that was crossed.
        GATE gate_level: AgreementLevel,
        /// Whether one was.
        CROSSED gate_crossed: bool,
        /// What is done with it.
        VERDICT verdict: RecoveryVerdict,
    }
    refusals RecoveryError {
        /// It was decided before.
        Decided "the operation's recovery is decided",
        /// A record follows the operation's end.
        Ended "the log has a record behind the operation's end",
        /// The level does not lead there.
        Illegal "the log has an escalation or an end that its level does not permit",
        /// The gate is above the level.
        GateClosed "the log has a crossing of a gate above the level that it reached",
        /// Another decision is the right one.
        WrongVerdict "the level and the outcome ask for another decision",
    }
    events RecoveryEvent {
        /// The log says that the level went up.
        Escalate "escalation" {
            /// From where.
            previous_level: AgreementLevel,
            /// To where.
            new_level: AgreementLevel,
        }
        needs [
            READING => Decided,
            IS_OPEN => Ended,
            All(&[
                Equal(Given(0), LEVEL),
                OneOf(LEVEL, UNDECIDED),
                Below(LEVEL, Given(1)),
            ]) => Illegal,
        ]
        sets [LEVEL = Given(1)],

        /// The log says how it ended.
        End "finalization" {
            /// How.
            end: AgreementEnd,
        }
        needs [
            READING => Decided,
            IS_OPEN => Ended,
            Any(&[
                All(&[Equal(Given(0), Number(End::Finalized as u64)), Equal(LEVEL, FINALIZED)]),
                All(&[Equal(Given(0), Number(End::Aborted as u64)), OneOf(LEVEL, UNDECIDED)]),
                All(&[OneOf(Given(0), &[End::Rejected as u64, End::TimedOut as u64]), Equal(LEVEL, SOFT_SAFE)]),
            ]) => Illegal,
        ]
        sets [END = Given(0)],

        /// The log says that a gate was crossed.
        Cross "visibility_gate_crossing" {
            /// Which.
            gate_level: AgreementLevel,
        }
        needs [
            READING => Decided,
            AtMost(Given(0), LEVEL) => GateClosed,
            Any(&[Equal(Given(0), NO), OneOf(END, STANDING)]) => Ended,
        ]
        sets [GATE = Larger(&GATE, &Given(0)), CROSSED = YES],

        /// It stands.
        ReuseFinalized "reuse_finalized" {}
        needs [
            READING => Decided,
            Equal(END, Number(End::Finalized as u64)) => WrongVerdict,
        ]
        sets [VERDICT = Number(Verdict::ReuseFinalized as u64)],

        /// It has ended otherwise.
        PreserveTerminal "preserve_terminal" {}
        needs [
            READING => Decided,
            OneOf(END, TERMINAL) => WrongVerdict,
        ]
        sets [VERDICT = Number(Verdict::PreserveTerminal as u64)],

        /// It goes on from its evidence.
        ResumeFromEvidenceBoundary "resume_from_evidence_boundary" {}
        needs [
            READING => Decided,
            All(&[IS_OPEN, AtMost(SOFT_SAFE, LEVEL)]) => WrongVerdict,
        ]
        sets [VERDICT = Number(Verdict::ResumeFromEvidenceBoundary as u64)],

        /// It starts again.
        ReexecuteFromScratch "reexecute_from_scratch" {}
        needs [
            READING => Decided,
            All(&[IS_OPEN, Below(LEVEL, SOFT_SAFE)]) => WrongVerdict,
        ]
        sets [VERDICT = Number(Verdict::ReexecuteFromScratch as u64)],
    }
    initial All(&[
        Equal(LEVEL, CHECKPOINT),
        AtMost(GATE, LEVEL),
        Implies(&Equal(CROSSED, NO), &Equal(GATE, NO)),
        Implies(&Equal(END, Number(End::Finalized as u64)), &Equal(LEVEL, FINALIZED)),
        READING,
    ]);
    invariants {
        /// Recovery never falls behind the checkpoint.
        "rank" AtMost(CHECKPOINT, LEVEL), Break::Need("escalation", 2);
        /// A crossed gate means that its level was reached.
        "gates" All(&[
            AtMost(GATE, LEVEL),
            Implies(&Equal(CROSSED, NO), &Equal(GATE, NO)),
        ]), Break::Need("visibility_gate_crossing", 1);
        /// What stands has the final level.
        "final" Implies(&Equal(END, Number(End::Finalized as u64)), &Equal(LEVEL, FINALIZED)),
            Break::Need("finalization", 2);
        /// What is used again stands, level and outcome.
        "reuse" Implies(
            &Equal(VERDICT, Number(Verdict::ReuseFinalized as u64)),
            &All(&[Equal(LEVEL, FINALIZED), Equal(END, Number(End::Finalized as u64))]),
        ), Break::Need("reuse_finalized", 1);
        /// What is preserved was aborted, rejected or timed out.
        "terminal" Implies(&Equal(VERDICT, Number(Verdict::PreserveTerminal as u64)), &OneOf(END, TERMINAL)),
            Break::Need("preserve_terminal", 1);
        /// What resumes has evidence and no end.
        "resume" Implies(
            &Equal(VERDICT, Number(Verdict::ResumeFromEvidenceBoundary as u64)),
            &All(&[IS_OPEN, AtMost(SOFT_SAFE, LEVEL)]),
        ), Break::Need("resume_from_evidence_boundary", 1);
        /// Nothing that let others see beyond a soft-safe gate is executed again.
        "scratch" Implies(
            &Equal(VERDICT, Number(Verdict::ReexecuteFromScratch as u64)),
            &All(&[IS_OPEN, Below(LEVEL, SOFT_SAFE), Below(GATE, SOFT_SAFE)]),
        ), Break::Need("reexecute_from_scratch", 1);
    }
    laws {
        /// Levels never go down.
        "levels_grow" AtMost(LEVEL, After(&LEVEL)), Break::Need("escalation", 2);
        /// An end stays the end.
        "ends_are_final" Implies(&Not(&IS_OPEN), &Equal(END, After(&END))), Break::Need("finalization", 1);
        /// After the decision nothing is read any more.
        "decided_once" Implies(&Not(&READING), &All(&[
            Equal(VERDICT, After(&VERDICT)),
            Equal(LEVEL, After(&LEVEL)),
            Equal(END, After(&END)),
            Equal(GATE, After(&GATE)),
        ])), Break::Need("escalation", 0);
    }
    goal All(&[
        Equal(VERDICT, Number(Verdict::ReuseFinalized as u64)),
        Equal(CHECKPOINT, Number(Level::Provisional as u64)),
        Equal(GATE, FINALIZED),
    ]), 4;
}

impl Recovery {
    /// An operation as the checkpoint has it.
    pub const fn at_checkpoint(level: AgreementLevel, end: AgreementEnd, gate: Option<AgreementLevel>) -> Self {
        let (gate_level, gate_crossed) = match gate {
            Some(level) => (level, true),
            None => (Level::None, false),
        };
        Self { checkpoint_level: level, level, end, gate_level, gate_crossed, verdict: Verdict::Undecided }
    }

    /// Decides: the table's one decision that is possible here.
    ///
    /// # Errors
    /// Where the operation is decided already.
    pub fn decide(self) -> Result<(Self, DurableRecoveryAction), RecoveryError> {
        let events = [
            (RecoveryEvent::ReuseFinalized {}, DurableRecoveryAction::ReuseFinalized),
            (RecoveryEvent::PreserveTerminal {}, DurableRecoveryAction::PreserveTerminal),
            (RecoveryEvent::ResumeFromEvidenceBoundary {}, DurableRecoveryAction::ResumeFromEvidenceBoundary),
            (RecoveryEvent::ReexecuteFromScratch {}, DurableRecoveryAction::ReexecuteFromScratch),
        ];
        let mut refused = RecoveryError::WrongVerdict;
        for (event, action) in events {
            match self.apply(event) {
                Ok(decided) => return Ok((decided, action)),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

impl DurableRecoveryAction {
    /// The rule: what stands is used again; what ended otherwise stays; at soft-safe or above it resumes; else it
    /// starts again.
    pub fn of(level: AgreementLevel, outcome: Option<FinalizationOutcome>) -> Self {
        if planted("recovery-trusts-level") && matches!(level, Level::Finalized) {
            return Self::ReuseFinalized;
        }
        match outcome {
            Some(FinalizationOutcome::Finalized) => Self::ReuseFinalized,
            Some(_) => Self::PreserveTerminal,
            None if level.rank() >= Level::SoftSafe.rank() => Self::ResumeFromEvidenceBoundary,
            None => Self::ReexecuteFromScratch,
        }
    }
}
