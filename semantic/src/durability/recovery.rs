//! What recovery found and decided.

use super::{AgreementWalEntry, EvidenceOutcomeCacheEntry, WalError, WalIndex};
use crate::rules::{AgreementEnd, AgreementLevel, DurableRecoveryAction, FinalizationOutcome, Recovery, RecoveryError};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What recovery found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DurableRecoveryMetadata {
    /// The checkpoint's tick.
    pub checkpoint_tick: u64,
    /// The tick of the first record behind the checkpoint.
    pub wal_tail_start_tick: u64,
    /// The tick of the last record.
    pub highest_recovered_tick: u64,
    /// Operations that go on or start again, sorted.
    pub resumed_operation_ids: Vec<String>,
    /// Operations that have ended, sorted.
    pub terminal_operation_ids: Vec<String>,
    /// Evidence whose outcome is at hand, sorted.
    pub cached_evidence_ids: Vec<String>,
}

/// What is done with one operation. This is the union of the two published shapes: `level` is the level that the log
/// reached, which one of them calls `recovered_level`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DurableRecoveryDecision {
    /// The operation.
    pub operation_id: String,
    /// Its level in the checkpoint.
    pub checkpoint_level: AgreementLevel,
    /// The level that the log reached.
    pub level: AgreementLevel,
    /// The same under its other published name; always equal to `level`.
    pub recovered_level: AgreementLevel,
    /// The highest gate that was crossed; none where none was.
    pub gate_level: Option<AgreementLevel>,
    /// Whether a gate was crossed.
    pub gate_crossed: bool,
    /// How it ended, if it has.
    pub finalization: Option<FinalizationOutcome>,
    /// What is done with it.
    pub action: DurableRecoveryAction,
    /// Its evidence whose outcome is at hand, sorted.
    pub cached_evidence_ids: Vec<String>,
}

/// A decision that does not follow from what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsoundDecision {
    /// The two names of the level say different things.
    #[error("`level` and `recovered_level` differ")]
    TwoLevels,
    /// `gate_crossed` and `gate_level` say different things.
    #[error("`gate_crossed` and `gate_level` contradict each other")]
    TwoGates,
    /// Recovery fell behind the checkpoint.
    #[error("the recovered level is below the checkpoint's")]
    BehindCheckpoint,
    /// A gate above the level was crossed.
    #[error("a gate above the recovered level was crossed")]
    GateAboveLevel,
    /// What is used again does not stand.
    #[error("only an operation whose level and outcome are final is used again")]
    ReuseWithoutFinal,
    /// What is preserved has not ended otherwise.
    #[error("only an operation that was aborted, rejected or timed out is preserved as such")]
    PreserveWithoutEnd,
    /// The rule asks for another action.
    #[error("level and outcome ask for {0}")]
    WrongAction(DurableRecoveryAction),
}

impl DurableRecoveryDecision {
    /// Whether the decision follows from what it says: the published consequences, and the rule itself.
    ///
    /// # Errors
    /// The first consequence that does not hold.
    pub fn check(&self) -> Result<(), UnsoundDecision> {
        let ensure = |holds: bool, why| if holds { Ok(()) } else { Err(why) };
        ensure(self.level == self.recovered_level, UnsoundDecision::TwoLevels)?;
        ensure(self.gate_crossed == self.gate_level.is_some(), UnsoundDecision::TwoGates)?;
        ensure(self.checkpoint_level.rank() <= self.level.rank(), UnsoundDecision::BehindCheckpoint)?;
        let gate = self.gate_level.unwrap_or(AgreementLevel::None);
        ensure(gate.rank() <= self.level.rank(), UnsoundDecision::GateAboveLevel)?;
        let finalized = self.finalization == Some(FinalizationOutcome::Finalized);
        match self.action {
            DurableRecoveryAction::ReuseFinalized => {
                let stands = finalized && self.level == AgreementLevel::Finalized;
                ensure(stands, UnsoundDecision::ReuseWithoutFinal)?;
            }
            DurableRecoveryAction::PreserveTerminal => {
                ensure(self.finalization.is_some() && !finalized, UnsoundDecision::PreserveWithoutEnd)?;
            }
            DurableRecoveryAction::ResumeFromEvidenceBoundary | DurableRecoveryAction::ReexecuteFromScratch => {}
        }
        let right = DurableRecoveryAction::of(self.level, self.finalization);
        ensure(right == self.action, UnsoundDecision::WrongAction(right))
    }
}

/// An operation as a checkpoint has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointedOperation {
    /// Its level.
    pub level: AgreementLevel,
    /// How it ended, if it has.
    pub finalization: Option<FinalizationOutcome>,
    /// The highest gate that was crossed, if one was.
    pub gate_level: Option<AgreementLevel>,
}

/// What recovery does, without the machine itself: that one comes from replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementRecovery {
    /// What was found.
    pub metadata: DurableRecoveryMetadata,
    /// One decision for each operation, by id.
    pub decisions: Vec<DurableRecoveryDecision>,
}

/// A log from which nothing can be recovered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// A record that may not stand where it stands.
    #[error("record {at} behind the checkpoint: {error}")]
    Record {
        /// Its position in the suffix.
        at: usize,
        /// What is wrong.
        error: WalError,
    },
    /// A checkpoint in which an operation is where none can be.
    #[error("the checkpoint's `{operation_id}` breaks the invariant `{invariant}`")]
    Checkpoint {
        /// The operation.
        operation_id: String,
        /// What does not hold.
        invariant: &'static str,
    },
    /// An operation that was decided twice; a bug.
    #[error("`{operation_id}`: {error}")]
    Decision {
        /// The operation.
        operation_id: String,
        /// What the table says.
        error: RecoveryError,
    },
}

/// Folds the records behind a checkpoint and decides about every operation.
///
/// `suffix` is what was written after the checkpoint, by position and not by tick: a record of the checkpoint's own tick
/// counts. Records that the checkpoint knows may stand there again.
///
/// # Errors
/// A record or a checkpoint that breaks the rules, with its place.
pub fn recover_agreements(
    checkpoint_tick: u64,
    checkpoint: &BTreeMap<String, CheckpointedOperation>,
    known: &[AgreementWalEntry],
    suffix: &[AgreementWalEntry],
    cache: &[EvidenceOutcomeCacheEntry],
) -> Result<AgreementRecovery, RecoverError> {
    let mut index = WalIndex::default();
    for (at, entry) in known.iter().enumerate() {
        index.admit(entry).map_err(|error| RecoverError::Record { at, error })?;
    }
    for (operation_id, at) in checkpoint {
        let state = Recovery::at_checkpoint(at.level, AgreementEnd::from(at.finalization), at.gate_level);
        if let Some(invariant) = state.broken_invariant() {
            return Err(RecoverError::Checkpoint { operation_id: operation_id.clone(), invariant });
        }
        index.checkpoint(operation_id.clone(), state);
    }
    let mut evidence: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (at, entry) in known.iter().chain(suffix).enumerate() {
        if let Some(at) = at.checked_sub(known.len()) {
            index.admit(entry).map_err(|error| RecoverError::Record { at, error })?;
        }
        if let AgreementWalEntry::EvidenceProduced { evidence: one, .. } = entry {
            evidence.entry(&one.operation_id).or_default().insert(&one.evidence_id);
        }
    }
    let cached: BTreeSet<&str> = cache.iter().map(|entry| entry.evidence_id.as_str()).collect();
    let mut decisions = Vec::new();
    for (operation_id, state) in index.operations() {
        let decided = state.decide();
        let (state, action) =
            decided.map_err(|error| RecoverError::Decision { operation_id: operation_id.into(), error })?;
        let mine = evidence.get(operation_id).into_iter().flatten();
        decisions.push(DurableRecoveryDecision {
            operation_id: operation_id.into(),
            checkpoint_level: state.checkpoint_level,
            level: state.level,
            recovered_level: state.level,
            gate_level: state.gate_crossed.then_some(state.gate_level),
            gate_crossed: state.gate_crossed,
            finalization: state.end.outcome(),
            action,
            cached_evidence_ids: mine.filter(|id| cached.contains(*id)).map(|id| String::from(*id)).collect(),
        });
    }
    let ids = |ended: bool| {
        let chosen = decisions.iter().filter(|decision| decision.finalization.is_some() == ended);
        chosen.map(|decision| decision.operation_id.clone()).collect()
    };
    let metadata = DurableRecoveryMetadata {
        checkpoint_tick,
        wal_tail_start_tick: suffix.first().map_or(checkpoint_tick, AgreementWalEntry::tick),
        highest_recovered_tick: suffix.iter().map(AgreementWalEntry::tick).fold(checkpoint_tick, u64::max),
        resumed_operation_ids: ids(false),
        terminal_operation_ids: ids(true),
        cached_evidence_ids: cached.into_iter().map(String::from).collect(),
    };
    Ok(AgreementRecovery { metadata, decisions })
}
