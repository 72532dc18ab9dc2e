//! The semantic objects: one file per noun, with exactly the published names and fields.
//!
//! In JSON every field is written, null where there is nothing. Ids are text and lists are sorted by their bytes.

mod agreement;
mod bundle;
mod effect;
mod finalization;
mod handoff;
mod operation;
mod ownership;
mod progress;
mod proof;
mod publication;
mod read;
mod region;
mod upgrade;

pub use agreement::{
    AgreementContract, AgreementEvidence, AgreementProfile, AgreementRule, AgreementState, EvidenceKind,
    PrestateBinding,
};
pub use bundle::{BundleError, ProtocolMachineSemanticObjects};
pub use effect::{FORBID_LATE_RESULTS, OutstandingEffect, OutstandingEffectStatus};
pub use finalization::FinalizationPath;
pub use handoff::{DelegationStatus, PendingEffectTreatment, SemanticHandoff, TransformationObligation};
pub use operation::{OperationInstance, OperationPhase, OperationVisibility};
pub use ownership::{
    AuthorityArtifact, AuthorityAuditRecord, CancellationWitness, DelegationReceipt, OwnershipCapability,
    OwnershipReceipt, OwnershipScope, OwnershipTerminalReason, RELEASED, ReadinessWitness, TimeoutWitness,
};
pub use progress::{ProgressContract, ProgressTransition};
pub use proof::{CanonicalHandle, CanonicalHandleKind, MaterializationProof};
pub use publication::{PUBLICATIONS, PublicationEvent, PublicationObserverClass, PublicationStatus};
pub use read::{AuthoritativeRead, AuthoritativeReadKind, AuthoritativeReadLifecycle, ObservedRead};
pub use region::Region;
pub use upgrade::{
    CanonicalPublicationContinuity, ReissuedPublication, RuntimeUpgradeArtifact, RuntimeUpgradeCompatibility,
    RuntimeUpgradeExecutionConstraint, UpgradedSession,
};
