//! The `wal_sync` gate: what has to be in the log before something becomes visible.

use super::{Admitted, AgreementWalEntry, WalError, WalIndex};
use crate::names::names;
use crate::objects::{AgreementEvidence, AgreementState};
use crate::planted::planted;
use crate::rules::{AgreementLevel, FinalizationOutcome};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What must be durable before a coroutine goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WalSyncRequest {
    /// The operation.
    pub operation_id: String,
    /// Who waits: `coro:<id>`.
    pub downstream_coroutine_id: String,
    /// What the gate asks for.
    pub gate_level: AgreementLevel,
    /// How far agreement has got; none where no agreement was asked for.
    pub agreement_state: Option<AgreementState>,
    /// The evidence for it.
    pub agreement_evidence: Vec<AgreementEvidence>,
    /// When.
    pub tick: u64,
}

/// What the log answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum WalSyncMode {
    /// Everything is durable.
    Immediate {},
    /// Not yet; the coroutine waits and executes nothing again.
    Blocked {},
    /// It cannot be made durable.
    Failure {
        /// Why.
        message: String,
    },
}

names! {
    /// The kinds of records, in the order in which one sync writes them.
    WalEntryKind {
        /// [`AgreementWalEntry::EvidenceProduced`].
        EvidenceProduced "evidence_produced",
        /// [`AgreementWalEntry::Escalation`].
        Escalation "escalation",
        /// [`AgreementWalEntry::Finalization`].
        Finalization "finalization",
        /// [`AgreementWalEntry::VisibilityGateCrossing`].
        VisibilityGateCrossing "visibility_gate_crossing",
    }
}

impl AgreementWalEntry {
    /// The record's kind.
    pub const fn kind(&self) -> WalEntryKind {
        match self {
            Self::EvidenceProduced { .. } => WalEntryKind::EvidenceProduced,
            Self::Escalation { .. } => WalEntryKind::Escalation,
            Self::Finalization { .. } => WalEntryKind::Finalization,
            Self::VisibilityGateCrossing { .. } => WalEntryKind::VisibilityGateCrossing,
        }
    }
}

impl WalSyncRequest {
    /// The records that the log lacks, in the order in which they are written: evidence, escalation, end, crossing.
    /// `proof` and `handle` are those of what was agreed, for the end. The index is as if they were written.
    ///
    /// Evidence is written in the order of its ids. An escalation rests on the first authoritative evidence, by id, that
    /// speaks for its level.
    ///
    /// # Errors
    /// The first record that the rules do not permit. The index may then hold some of the records before it; use a
    /// clone where that matters.
    pub fn records(
        &self,
        index: &mut WalIndex,
        proof: Option<&str>,
        handle: Option<&str>,
    ) -> Result<Vec<AgreementWalEntry>, WalError> {
        let tick = self.tick;
        let mut wanted = Vec::new();
        let mut evidence: Vec<&AgreementEvidence> = self.agreement_evidence.iter().collect();
        evidence.sort_by(|left, right| left.evidence_id.cmp(&right.evidence_id));
        for one in &evidence {
            wanted.push(AgreementWalEntry::EvidenceProduced { evidence: (*one).clone(), tick });
        }
        if let Some(state) = &self.agreement_state {
            index.names_contract(state)?;
            let previous_level = index.operation(&self.operation_id).level;
            if state.level != previous_level {
                let backing = evidence.iter().find(|one| one.authoritative && one.level >= state.level);
                let backing = backing.or(evidence.first()).map(|one| one.evidence_id.clone()).unwrap_or_default();
                wanted.push(AgreementWalEntry::Escalation {
                    operation_id: self.operation_id.clone(),
                    previous_level,
                    new_level: state.level,
                    evidence_id: backing,
                    tick,
                });
            }
            if let Some(outcome) = state.finalization {
                let stands = outcome == FinalizationOutcome::Finalized;
                wanted.push(AgreementWalEntry::Finalization {
                    operation_id: self.operation_id.clone(),
                    outcome,
                    materialization_proof_id: proof.filter(|_| stands).map(String::from),
                    canonical_handle_id: handle.filter(|_| stands).map(String::from),
                    tick,
                });
            }
        }
        wanted.push(AgreementWalEntry::VisibilityGateCrossing {
            operation_id: self.operation_id.clone(),
            downstream_coroutine_id: self.downstream_coroutine_id.clone(),
            gate_level: self.gate_level,
            tick,
        });
        let mut missing = Vec::new();
        for entry in wanted {
            if index.admit(&entry)? == Admitted::New {
                missing.push(entry);
            }
        }
        if planted("wal-swaps-order") {
            missing.reverse();
        }
        Ok(missing)
    }
}
