//! The write-ahead log of agreements: its records.

use super::ArtifactBytesError;
use crate::objects::AgreementEvidence;
use crate::rules::{AgreementLevel, FinalizationOutcome};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum AgreementWalEntry {
    /// The level of an operation went up.
    Escalation {
        /// The operation.
        operation_id: String,
        /// From where.
        previous_level: AgreementLevel,
        /// To where.
        new_level: AgreementLevel,
        /// On what evidence.
        evidence_id: String,
        /// When.
        tick: u64,
    },
    /// There is evidence.
    EvidenceProduced {
        /// The evidence.
        evidence: AgreementEvidence,
        /// When.
        tick: u64,
    },
    /// The agreement on an operation ended.
    Finalization {
        /// The operation.
        operation_id: String,
        /// How.
        outcome: FinalizationOutcome,
        /// The proof of what was agreed.
        materialization_proof_id: Option<String>,
        /// Its handle.
        canonical_handle_id: Option<String>,
        /// When.
        tick: u64,
    },
    /// Something became visible downstream.
    VisibilityGateCrossing {
        /// The operation.
        operation_id: String,
        /// Who sees it: `coro:<id>`.
        downstream_coroutine_id: String,
        /// What the gate asked for.
        gate_level: AgreementLevel,
        /// When.
        tick: u64,
    },
}

/// What a record is about: two records of one identity are one fact, written once. Ticks do not tell facts apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WalIdentity {
    /// Evidence, by its id.
    Evidence(String),
    /// An operation's reaching of a level.
    Escalation(String, AgreementLevel),
    /// An operation's end.
    Finalization(String),
    /// A coroutine's crossing of an operation's gate.
    Crossing(String, String, AgreementLevel),
}

impl AgreementWalEntry {
    /// The record as JSON.
    ///
    /// # Errors
    /// [`ArtifactBytesError::Shape`], which no record gives rise to.
    pub fn to_json(&self) -> Result<Vec<u8>, ArtifactBytesError> {
        serde_json::to_vec(self).map_err(|error| ArtifactBytesError::Shape(format!("{error}")))
    }

    /// Reads a record strictly.
    ///
    /// # Errors
    /// [`ArtifactBytesError::Shape`] for bytes that are no record, or more than one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ArtifactBytesError> {
        serde_json::from_slice(bytes).map_err(|error| ArtifactBytesError::Shape(format!("{error}")))
    }

    /// What the record is about.
    pub fn identity(&self) -> WalIdentity {
        match self {
            Self::Escalation { operation_id, new_level, .. } => {
                WalIdentity::Escalation(operation_id.clone(), *new_level)
            }
            Self::EvidenceProduced { evidence, .. } => WalIdentity::Evidence(evidence.evidence_id.clone()),
            Self::Finalization { operation_id, .. } => WalIdentity::Finalization(operation_id.clone()),
            Self::VisibilityGateCrossing { operation_id, downstream_coroutine_id, gate_level, .. } => {
                WalIdentity::Crossing(operation_id.clone(), downstream_coroutine_id.clone(), *gate_level)
            }
        }
    }

    /// The operation.
    pub fn operation_id(&self) -> &str {
        match self {
            Self::Escalation { operation_id, .. }
            | Self::Finalization { operation_id, .. }
            | Self::VisibilityGateCrossing { operation_id, .. } => operation_id,
            Self::EvidenceProduced { evidence, .. } => &evidence.operation_id,
        }
    }

    /// When it was written.
    pub const fn tick(&self) -> u64 {
        match self {
            Self::Escalation { tick, .. }
            | Self::EvidenceProduced { tick, .. }
            | Self::Finalization { tick, .. }
            | Self::VisibilityGateCrossing { tick, .. } => *tick,
        }
    }

    /// The record without its tick: what has to be equal where the identity is.
    pub(super) fn fact(&self) -> Self {
        let mut fact = self.clone();
        match &mut fact {
            Self::Escalation { tick, .. }
            | Self::EvidenceProduced { tick, .. }
            | Self::Finalization { tick, .. }
            | Self::VisibilityGateCrossing { tick, .. } => *tick = 0,
        }
        fact
    }
}
