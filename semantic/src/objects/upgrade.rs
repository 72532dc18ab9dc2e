//! Upgrades as documents: what one keeps, and what became of it in each phase.

use crate::names::names;
use crate::objects::PendingEffectTreatment;
use crate::rules::TransitionArtifactPhase;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

names! {
    /// What becomes of truth that was published before a transition.
    CanonicalPublicationContinuity {
        /// It stands as it is.
        Preserve "preserve",
        /// It is said again, bound to the image that the run goes on in.
        ReissueCanonicalTruth "reissue_canonical_truth",
    }

    /// Within what an upgrade has to stay.
    RuntimeUpgradeExecutionConstraint {
        /// The profile that runs claim stays, and the new image needs nothing that the old ones did not.
        PreserveBundleProfile "preserve_bundle_profile",
        /// Runs may claim another profile, and the new image may need more, as far as contracts grant it.
        MixedDeterminismAllowed "mixed_determinism_allowed",
    }
}

/// What an upgrade keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuntimeUpgradeCompatibility {
    /// Within what it has to stay.
    pub execution_constraint: RuntimeUpgradeExecutionConstraint,
    /// Whether no session may be moved while its owner changes.
    pub ownership_continuity_required: bool,
    /// What becomes of effects whose sessions cannot move.
    pub pending_effect_treatment: PendingEffectTreatment,
    /// What becomes of published truth.
    pub canonical_publication_continuity: CanonicalPublicationContinuity,
}

/// What becomes of one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpgradedSession {
    /// The session.
    pub session: u64,
    /// `moves`, `waits` or `finishes`.
    pub decision: String,
    /// What stands in its way; nothing where it moves.
    pub reason: Option<String>,
}

/// Truth that is said again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReissuedPublication {
    /// The publication.
    pub publication_id: String,
    /// The image that it is bound to now, by its digest.
    pub artifact_id: String,
    /// The digest of both, and of what the publication rests on.
    pub digest: String,
}

/// An upgrade in one of its phases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuntimeUpgradeArtifact {
    /// The upgrade: the digest of what was asked, and of the state in which it was.
    pub upgrade_id: String,
    /// The image that sessions go on in, by its digest.
    pub artifact_id: String,
    /// Where it stands.
    pub phase: TransitionArtifactPhase,
    /// When it came there.
    pub tick: u64,
    /// The images that sessions ran before, by their digests, in order.
    pub previous_members: Vec<String>,
    /// The images that they run in this phase.
    pub next_members: Vec<String>,
    /// What it keeps.
    pub compatibility: RuntimeUpgradeCompatibility,
    /// What becomes of each session that it is about, in order, as it was when it was staged.
    pub sessions: Vec<UpgradedSession>,
    /// How many sessions have moved.
    pub moved: u64,
    /// Canonical publications of sessions that move, which stand as they are.
    pub carried_publication_ids: Vec<String>,
    /// Canonical publications of invalidated effects, which will not be made any more.
    pub invalidated_publication_ids: Vec<String>,
    /// Canonical publications of sessions that move, which are said again.
    pub reissued_publications: Vec<ReissuedPublication>,
    /// Operations whose effects still wait for their answers, of all sessions that it is about.
    pub carried_obligation_ids: Vec<String>,
    /// Operations whose effects wait for nothing any more.
    pub invalidated_obligation_ids: Vec<String>,
    /// The state's root when it was staged.
    pub staged_state_root: String,
    /// The state's root in this phase.
    pub state_root: String,
    /// Why it was given up or refused.
    pub reason: Option<String>,
}
