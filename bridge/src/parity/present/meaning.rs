//! The shapes of `motet-semantic`: ownership, durability records, semantic objects and their enumerations.

use super::{Present, named, strict};
use crate::parity::members::{fields, tagged, tagged_fields};
use motet_semantic::{
    AgreementWalEntry, DurabilityPayload, OwnershipError, PUBLICATIONS, PersistedDurabilityArtifact, WalSyncMode,
};

pub(super) fn put(present: &mut Present) {
    strict! { present:
        motet_semantic::OwnershipCapability, motet_semantic::OwnershipReceipt, motet_semantic::ReadinessWitness,
        motet_semantic::CancellationWitness, motet_semantic::TimeoutWitness, motet_semantic::AuthorityAuditRecord,
        motet_semantic::DelegationReceipt, motet_semantic::WalSyncRequest, motet_semantic::EvidenceOutcomeCacheEntry,
        motet_semantic::DurableRecoveryMetadata, motet_semantic::DurableRecoveryDecision,
        motet_semantic::DurablePropertyReport, motet_semantic::ProtocolMachineSemanticObjects,
        motet_semantic::OperationInstance, motet_semantic::OutstandingEffect, motet_semantic::SemanticHandoff,
        motet_semantic::TransformationObligation, motet_semantic::AuthoritativeRead, motet_semantic::ObservedRead,
        motet_semantic::MaterializationProof, motet_semantic::CanonicalHandle, motet_semantic::PublicationEvent,
        motet_semantic::PrestateBinding, motet_semantic::AgreementProfile, motet_semantic::AgreementContract,
        motet_semantic::AgreementEvidence, motet_semantic::AgreementState, motet_semantic::Region,
        motet_semantic::ProgressContract, motet_semantic::ProgressTransition, motet_semantic::FinalizationPath,
    }
    named! { present:
        motet_semantic::OwnershipScope, motet_semantic::OwnershipTerminalReason, motet_semantic::AuthorityAuditEvent,
        motet_semantic::DelegationStatus, motet_semantic::AgreementLevel, motet_semantic::DurableRecoveryAction,
        motet_semantic::OperationPhase, motet_semantic::OutstandingEffectStatus, motet_semantic::AuthoritativeReadKind,
        motet_semantic::AuthoritativeReadLifecycle, motet_semantic::CanonicalHandleKind,
        motet_semantic::PublicationObserverClass, motet_semantic::PublicationStatus, motet_semantic::ProgressState,
        motet_semantic::OperationVisibility, motet_semantic::AgreementRule, motet_semantic::EvidenceKind,
        motet_semantic::FinalizationOutcome, motet_semantic::FinalizationReadClass, motet_semantic::FinalizationStage,
        motet_semantic::TransitionArtifactPhase, motet_semantic::PendingEffectTreatment,
        motet_semantic::CanonicalPublicationContinuity, motet_semantic::RuntimeUpgradeExecutionConstraint,
    }
    present.put("semantic::OwnershipError", OwnershipError::ALL.iter().map(|error| format!("{error:?}")));
    present.put("semantic::AuthorityArtifact", motet_semantic::AuthorityArtifactKind::NAMES);
    present.put("semantic::PUBLICATIONS", PUBLICATIONS);
    present.put("semantic::PersistedDurabilityArtifact", fields::<PersistedDurabilityArtifact>());
    present.put("semantic::DurabilityPayload", tagged::<DurabilityPayload>("kind"));
    present.put("semantic::WalSyncMode", tagged::<WalSyncMode>("kind"));
    let kinds = tagged::<AgreementWalEntry>("kind");
    for kind in ["escalation", "evidence_produced", "finalization", "visibility_gate_crossing"] {
        present.put(format!("semantic::AgreementWalEntry {kind}"), tagged_fields::<AgreementWalEntry>("kind", kind));
    }
    present.put("semantic::AgreementWalEntry", kinds);
}
