//! Declared agreements: what has to be agreed on an operation, and whose evidence counts.

use super::ArtifactBytesError;
use crate::ids;
use crate::objects::{
    AgreementContract, AgreementEvidence, AgreementProfile, AgreementRule, OperationVisibility, PrestateBinding,
};
use crate::planted::planted;
use crate::rules::{AgreementEnd, AgreementLevel, Recovery};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// An agreement, declared before its first record. The published contract says which rule holds, and not between whom: that
/// stands beside it. Who gives evidence is who owns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeclaredAgreement {
    /// The contract.
    pub contract: AgreementContract,
    /// Whose evidence counts; nobody's where no agreement is asked for.
    pub participants: BTreeSet<String>,
    /// How many of them have to say so.
    pub needed: u64,
    /// The state from which the operation began, as it stood when this was declared: written by who keeps the log, not by
    /// who declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prestate: Option<PrestateBinding>,
}

/// A contract that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// It has another name than its operation gives it.
    #[error("the contract must be named `{0}`, by its operation")]
    Name(String),
    /// It stands before it may be used, or at no level.
    #[error("it is usable at {usable_at} and stands at {finalized_at}; it may be used first, and stands at some level")]
    Levels {
        /// From where on it may be used.
        usable_at: AgreementLevel,
        /// Where it stands.
        finalized_at: AgreementLevel,
    },
    /// The rule asks for others.
    #[error("the rule {rule} {wants}; there are {participants} participants, of whom {needed} are needed")]
    Participants {
        /// The rule.
        rule: AgreementRule,
        /// What it asks for.
        wants: &'static str,
        /// How many there are.
        participants: u64,
        /// How many are needed.
        needed: u64,
    },
}

impl DeclaredAgreement {
    /// Where the operation begins: with no level where no agreement is asked for.
    pub(super) const fn begins(&self) -> Recovery {
        let level = match self.contract.rule {
            AgreementRule::NoAgreement => AgreementLevel::None,
            _ => AgreementLevel::Provisional,
        };
        Recovery::at_checkpoint(level, AgreementEnd::Open, None)
    }

    /// Whether two declarations are of one agreement, whenever they were made.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.contract == other.contract && self.participants == other.participants && self.needed == other.needed
    }

    /// The binding of an operation to the state with this digest, from which it began.
    pub fn binding(&self, state_digest: String, participant_digest: Option<String>) -> PrestateBinding {
        let AgreementContract { operation_id, session, .. } = &self.contract;
        PrestateBinding {
            binding_id: ids::prestate(operation_id),
            operation_id: operation_id.clone(),
            session: *session,
            state_digest,
            epoch_ref: None,
            participant_digest,
        }
    }

    /// The named way to agree that the contract is of.
    pub fn profile(&self) -> AgreementProfile {
        let AgreementContract {
            profile_name, visibility, rule, usable_at, finalized_at, required_evidence_kind, ..
        } = self.contract.clone();
        AgreementProfile { profile_name, visibility, rule, usable_at, finalized_at, required_evidence_kind }
    }

    /// Whether the contract can be kept.
    ///
    /// # Errors
    /// The first thing about it that makes no sense.
    pub fn validate(&self) -> Result<(), ContractError> {
        let AgreementContract { contract_name, operation_id, rule, usable_at, finalized_at, .. } = &self.contract;
        let name = ids::agreement(operation_id);
        if *contract_name != name {
            return Err(ContractError::Name(name));
        }
        let (participants, needed) = (self.participants.len() as u64, self.needed);
        let none = *rule == AgreementRule::NoAgreement;
        let level = *finalized_at != AgreementLevel::None;
        if usable_at > finalized_at || level == none {
            return Err(ContractError::Levels { usable_at: *usable_at, finalized_at: *finalized_at });
        }
        let (holds, wants) = match rule {
            AgreementRule::NoAgreement => (participants == 0 && needed == 0, "asks nobody"),
            AgreementRule::AnyParticipant => (participants > 0 && needed == 1, "needs one of some participants"),
            AgreementRule::Unanimous => (participants > 0 && needed == participants, "needs all participants"),
            AgreementRule::Threshold => ((1..=participants).contains(&needed), "needs some of its participants"),
            AgreementRule::Named => (participants == 1 && needed == 1, "needs the one that is named"),
        };
        match holds {
            true => Ok(()),
            false => Err(ContractError::Participants { rule: *rule, wants, participants, needed }),
        }
    }

    /// How many participants have given evidence for a level: authoritative, of the kind that the contract asks for, and each
    /// counts once.
    pub(super) fn voices<'a>(
        &self,
        level: AgreementLevel,
        evidence: impl Iterator<Item = &'a AgreementEvidence>,
    ) -> u64 {
        let counts = |one: &&AgreementEvidence| one.authoritative && one.level >= level && self.takes(one);
        let owners = evidence.filter(counts).filter_map(|one| one.owner_id.as_deref());
        let mine = owners.filter(|owner| self.participants.contains(*owner) || planted("contract-hears-anybody"));
        if planted("contract-counts-twice") {
            return mine.count() as u64;
        }
        mine.collect::<BTreeSet<_>>().len() as u64
    }

    /// Whether evidence is of the kind that the contract asks for.
    pub(super) fn takes(&self, evidence: &AgreementEvidence) -> bool {
        self.contract.required_evidence_kind.is_none_or(|kind| kind == evidence.kind)
            || planted("contract-takes-any-evidence")
    }

    /// From which level on something may become visible behind a gate that asks for a level.
    pub(super) fn visible_from(&self, gate: AgreementLevel) -> AgreementLevel {
        let AgreementContract { visibility, usable_at, finalized_at, .. } = self.contract;
        match (visibility, gate) {
            _ if planted("contract-shows-early") => AgreementLevel::None,
            (OperationVisibility::BlockedUntilFinalized, _) => finalized_at,
            // Who asks for no level sees, and does not use.
            (_, AgreementLevel::None) => AgreementLevel::None,
            _ => usable_at,
        }
    }

    /// The declaration as JSON.
    ///
    /// # Errors
    /// [`ArtifactBytesError::Shape`], which none gives rise to.
    pub fn to_json(&self) -> Result<Vec<u8>, ArtifactBytesError> {
        serde_json::to_vec(self).map_err(|error| ArtifactBytesError::Shape(format!("{error}")))
    }

    /// Reads a declaration strictly.
    ///
    /// # Errors
    /// [`ArtifactBytesError::Shape`] for bytes that are none.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ArtifactBytesError> {
        serde_json::from_slice(bytes).map_err(|error| ArtifactBytesError::Shape(format!("{error}")))
    }
}
