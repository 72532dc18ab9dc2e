//! Floor 1 of the house: what a run *means*, in the specification's own words.
//!
//! Semantic objects and durability records as strict documents, the transition systems that rule them as tables, and
//! the invariants of whole bundles as checks. The machine, the log, the bridge and the solvers all use these; nothing
//! here runs a protocol.
#![no_std]

extern crate alloc;

mod check;
mod durability;
pub mod ids;
mod live;
mod names;
mod objects;
mod planted;
mod rules;
mod schema_version;
pub mod table;

pub use check::{Rule, Violation, check};
pub use durability::{
    Admitted, AgreementRecovery, AgreementWalEntry, ArtifactBytesError, CheckpointedOperation, ContractError,
    DeclaredAgreement, DurabilityPayload, DurablePropertyReport, DurableRecoveryDecision, DurableRecoveryMetadata,
    EvidenceOutcomeCacheEntry, MAX_ARTIFACT_BYTES, PersistedDurabilityArtifact, RecoverError, UnsoundDecision,
    WalEntryKind, WalError, WalIdentity, WalIndex, WalSyncMode, WalSyncRequest, recover_agreements,
};
pub use live::{
    AnsweredEffect, AskedEffect, CheckedOutput, Describe, EffectKey, HandoffKey, Live, LiveBytesError, LiveViolation,
    MovedEndpoint, Noted, Occurrence, OutputKey, ReadKey, SemanticAuditEntry, SemanticAuditKind, SemanticAuditRecord,
    ShortBytes, Shown, UpgradeKey, Wanted, WriteBytes,
};
pub use objects::{
    AgreementContract, AgreementEvidence, AgreementProfile, AgreementRule, AgreementState, AuthoritativeRead,
    AuthoritativeReadKind, AuthoritativeReadLifecycle, AuthorityArtifact, AuthorityAuditRecord, BundleError,
    CancellationWitness, CanonicalHandle, CanonicalHandleKind, CanonicalPublicationContinuity, DelegationReceipt,
    DelegationStatus, EvidenceKind, FORBID_LATE_RESULTS, FinalizationPath, MaterializationProof, ObservedRead,
    OperationInstance, OperationPhase, OperationVisibility, OutstandingEffect, OutstandingEffectStatus,
    OwnershipCapability, OwnershipReceipt, OwnershipScope, OwnershipTerminalReason, PUBLICATIONS,
    PendingEffectTreatment, PrestateBinding, ProgressContract, ProgressTransition, ProtocolMachineSemanticObjects,
    PublicationEvent, PublicationObserverClass, PublicationStatus, RELEASED, ReadinessWitness, Region,
    ReissuedPublication, RuntimeUpgradeArtifact, RuntimeUpgradeCompatibility, RuntimeUpgradeExecutionConstraint,
    SemanticHandoff, TimeoutWitness, TransformationObligation, UpgradedSession,
};
#[cfg(feature = "planted")]
pub use planted::{FAULTS, PLANTED, skip_need};
pub use rules::{
    AGREEMENT, ARTIFACT, Agreement, AgreementEnd, AgreementError, AgreementEscalation, AgreementEvent, AgreementLevel,
    Artifact, ArtifactError, ArtifactEvent, ArtifactPhase, AuthorityArtifactKind, AuthorityAuditEvent,
    DurableRecoveryAction, EFFECT, EffectError, EffectEvent, EffectLife, FINALIZATION, Finalization, FinalizationError,
    FinalizationEvent, FinalizationOutcome, FinalizationReadClass, FinalizationStage, HANDOFF, Handoff, HandoffError,
    HandoffEvent, HandoffPhase, MACHINES, OWNERSHIP, Ownership, OwnershipError, OwnershipEvent, OwnershipPhase,
    PROGRESS, PROGRESS_MEASURE, Progress, ProgressError, ProgressEvent, ProgressState, RECOVERY, Recovery,
    RecoveryError, RecoveryEvent, RecoveryVerdict, SPECULATION, Speculation, SpeculationError, SpeculationEvent,
    StagesReached, TRANSITION, Transition, TransitionArtifactPhase, TransitionError, TransitionEvent,
};
pub use schema_version::{
    DURABILITY_SCHEMA_VERSION, LEAN_BRIDGE_SCHEMA_VERSION, PROTOCOL_BUNDLE_SCHEMA_VERSION,
    SEMANTIC_OBJECTS_SCHEMA_VERSION, SchemaError, ensure_supported_schema_version,
};
