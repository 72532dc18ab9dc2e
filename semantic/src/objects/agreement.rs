//! Agreement: what has to be agreed, by whom, on what evidence, and how far it has got.

use super::OperationVisibility;
use crate::names::names;
use crate::rules::{AgreementLevel, FinalizationOutcome};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

names! {
    /// Who has to agree.
    AgreementRule {
        /// Nobody.
        NoAgreement "no_agreement",
        /// Anybody.
        AnyParticipant "any_participant",
        /// Everybody.
        Unanimous "unanimous",
        /// Enough.
        Threshold "threshold",
        /// Somebody in particular.
        Named "named",
    }

    /// What evidence is.
    EvidenceKind {
        /// A witness.
        Witness "witness",
        /// A certificate.
        Certificate "certificate",
        /// The fact of a commit.
        CommitFact "commit_fact",
        /// A publication.
        Publication "publication",
        /// A materialisation.
        Materialization "materialization",
    }
}

/// The state from which an operation began. Its id is `prestate:<operation>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PrestateBinding {
    /// Its id.
    pub binding_id: String,
    /// The operation.
    pub operation_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The digest of the state.
    pub state_digest: String,
    /// The session's epoch.
    pub epoch_ref: Option<String>,
    /// The digest of who took part.
    pub participant_digest: Option<String>,
}

/// A named way to agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgreementProfile {
    /// Its name.
    pub profile_name: String,
    /// When others may see the operation.
    pub visibility: OperationVisibility,
    /// Who has to agree.
    pub rule: AgreementRule,
    /// From which level on its result may be used.
    pub usable_at: AgreementLevel,
    /// At which level it stands.
    pub finalized_at: AgreementLevel,
    /// What kind of evidence each level needs.
    pub required_evidence_kind: Option<EvidenceKind>,
}

/// What one operation has to agree. Its name is `agreement:<operation>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgreementContract {
    /// The profile.
    pub profile_name: String,
    /// When others may see the operation.
    pub visibility: OperationVisibility,
    /// Who has to agree.
    pub rule: AgreementRule,
    /// From which level on its result may be used.
    pub usable_at: AgreementLevel,
    /// At which level it stands.
    pub finalized_at: AgreementLevel,
    /// What kind of evidence each level needs.
    pub required_evidence_kind: Option<EvidenceKind>,
    /// Its name.
    pub contract_name: String,
    /// The operation.
    pub operation_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
}

/// A reason to believe that a level was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgreementEvidence {
    /// Its id.
    pub evidence_id: String,
    /// The operation.
    pub operation_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
    /// The level for which it speaks.
    pub level: AgreementLevel,
    /// What it is.
    pub kind: EvidenceKind,
    /// The id of the object behind it.
    pub reference: String,
    /// Whether a level may rest on it.
    pub authoritative: bool,
}

/// How far the agreement on an operation has got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AgreementState {
    /// The operation.
    pub operation_id: String,
    /// The session; none for what belongs to the machine itself.
    pub session: Option<u64>,
    /// The owner, once there is one.
    pub owner_id: Option<String>,
    /// The contract.
    pub contract_name: String,
    /// The level.
    pub level: AgreementLevel,
    /// How it ended, once it has.
    pub finalization: Option<FinalizationOutcome>,
    /// The evidence, sorted.
    pub evidence_ids: Vec<String>,
    /// When it last changed.
    pub last_updated_tick: Option<u64>,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}
