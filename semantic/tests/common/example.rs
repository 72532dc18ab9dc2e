//! One bundle of semantic objects in which every kind stands, and all rules hold.

use motet_semantic::*;
use serde_json::json;

pub(crate) const PAY: &str = "effect:e1";
pub(crate) const ASK: &str = "effect:e2";
pub(crate) const GIVE: &str = "handoff:h1";
pub(crate) const PROOF: &str = "materialization:paid:d1";

fn text(text: &str) -> String {
    text.into()
}

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| text(item)).collect()
}

fn operation(id: &str, phase: OperationPhase, publication: &str) -> OperationInstance {
    OperationInstance {
        operation_id: text(id),
        session: Some(0),
        owner_id: Some(text("bank")),
        kind: text("invoke_step"),
        phase,
        handler_identity: Some(text("host")),
        effect_ids: id.strip_prefix("effect:").map(text).into_iter().collect(),
        dependent_operation_ids: Vec::new(),
        terminal_publication: Some(text(publication)),
        budget_ticks: Some(1),
        requires_proof: id == PAY,
    }
}

fn effect(id: &str, status: OutstandingEffectStatus, key: u64) -> OutstandingEffect {
    OutstandingEffect {
        effect_id: text(id),
        operation_id: ids::effect_operation(id),
        session: Some(0),
        owner_id: Some(text("bank")),
        effect_interface: Some(text("Runtime")),
        effect_operation: Some(text("invoke")),
        effect_kind: text("invoke_step"),
        handler_identity: text("host"),
        status,
        ordering_key: key,
        budget_ticks: Some(1),
        retry_policy: text(FORBID_LATE_RESULTS),
        invalidation_token: ids::invalidation_token(id),
        completed_at_tick: Some(4),
        inputs: json!({"amount": 40}),
        outputs: if status == OutstandingEffectStatus::Invalidated { json!(null) } else { json!({"paid": true}) },
    }
}

fn published(operation: &str, publication: &str, proof: Option<&str>) -> PublicationEvent {
    PublicationEvent {
        publication_id: ids::publication(operation, publication),
        session: Some(0),
        operation_id: text(operation),
        owner_id: Some(text("bank")),
        publication: text(publication),
        observer_class: PublicationObserverClass::Canonical,
        status: PublicationStatus::Published,
        proof_ref: proof.map(text),
        handle_ref: proof.map(text),
        reason: None,
    }
}

fn contract(id: &str, state: ProgressState) -> ProgressContract {
    ProgressContract {
        operation_id: text(id),
        session: Some(0),
        state,
        last_ordering_key: Some(1),
        bounded: true,
        budget_ticks: Some(1),
        last_progress_tick: Some(4),
        escalated_at_tick: None,
        reason: None,
    }
}

fn transition(id: &str, from_state: ProgressState, to_state: ProgressState, tick: u64) -> ProgressTransition {
    ProgressTransition { operation_id: text(id), session: Some(0), from_state, to_state, tick, reason: None }
}

fn path(id: &str) -> FinalizationPath {
    FinalizationPath {
        operation_id: text(id),
        session: Some(0),
        owner_id: Some(text("bank")),
        read_class: FinalizationReadClass::None,
        stage: FinalizationStage::Canonical,
        observed_read_ids: Vec::new(),
        authoritative_read_ids: Vec::new(),
        proof_ids: Vec::new(),
        canonical_handle_ids: Vec::new(),
        publication_ids: Vec::new(),
        invalidated_by_handoff_ids: Vec::new(),
        rejected_publication_ids: Vec::new(),
    }
}

/// A payment with a proof and an agreement; a question that a handoff invalidated; the handoff.
pub(crate) fn bundle() -> ProtocolMachineSemanticObjects {
    let whole = OwnershipScope::Session;
    let mut bundle = ProtocolMachineSemanticObjects {
        operation_instances: vec![
            operation(PAY, OperationPhase::Succeeded, "effect.succeeded"),
            operation(ASK, OperationPhase::Cancelled, "effect.invalidated"),
            operation(GIVE, OperationPhase::Succeeded, "handoff.committed"),
        ],
        outstanding_effects: vec![
            effect("e1", OutstandingEffectStatus::Succeeded, 1),
            effect("e2", OutstandingEffectStatus::Invalidated, 2),
        ],
        semantic_handoffs: vec![SemanticHandoff {
            handoff_id: text("h1"),
            session: 0,
            from_coro: 0,
            to_coro: 1,
            revoked_owner_id: text("shop"),
            activated_owner_id: text("bank"),
            scope: whole.clone(),
            status: DelegationStatus::Committed,
            tick: 3,
            reason: None,
        }],
        transformation_obligations: vec![TransformationObligation {
            obligation_id: text("o1"),
            handoff_id: text("h1"),
            session: 0,
            transformed_fragments: Vec::new(),
            affected_operation_ids: list(&[PAY, ASK]),
            affected_effect_ids: list(&["e1", "e2"]),
            transported_effect_ids: list(&["e1"]),
            invalidated_effect_ids: list(&["e2"]),
            witness_policy: text("invalidate"),
            publication_revoked_from: text("shop"),
            publication_activated_to: text("bank"),
            scope: whole.clone(),
            status: DelegationStatus::Committed,
            tick: 3,
            reason: None,
        }],
        authoritative_reads: vec![AuthoritativeRead {
            read_id: text("r1"),
            session: Some(0),
            owner_id: Some(text("bank")),
            kind: AuthoritativeReadKind::OutputCondition,
            lifecycle: AuthoritativeReadLifecycle::Verified,
            predicate_ref: Some(text("paid")),
            witness_id: Some(1),
            generation: Some(1),
            reason: None,
        }],
        observed_reads: vec![ObservedRead {
            read_id: text("s1"),
            session: Some(0),
            effect_id: text("e1"),
            effect_interface: Some(text("Runtime")),
            effect_operation: Some(text("invoke")),
            handler_identity: text("host"),
            status: OutstandingEffectStatus::Succeeded,
        }],
        materialization_proofs: vec![MaterializationProof {
            proof_id: text(PROOF),
            session: Some(0),
            predicate_ref: text("paid"),
            witness_ref: Some(text("r1")),
            output_digest: text("d1"),
            passed: true,
        }],
        canonical_handles: vec![CanonicalHandle {
            handle_id: text(PROOF),
            session: Some(0),
            owner_id: Some(text("bank")),
            kind: CanonicalHandleKind::Materialization,
            proof_ref: Some(text(PROOF)),
        }],
        publication_events: vec![
            PublicationEvent {
                observer_class: PublicationObserverClass::Audit,
                ..published(PAY, "effect.blocked", None)
            },
            published(PAY, "effect.succeeded", Some(PROOF)),
            published(ASK, "effect.invalidated", None),
            published(GIVE, "handoff.committed", None),
        ],
        prestate_bindings: vec![PrestateBinding {
            binding_id: ids::prestate(PAY),
            operation_id: text(PAY),
            session: Some(0),
            state_digest: text("5e"),
            epoch_ref: Some(text("epoch:0")),
            participant_digest: None,
        }],
        agreement_profiles: vec![AgreementProfile {
            profile_name: text("careful"),
            visibility: OperationVisibility::BlockedUntilFinalized,
            rule: AgreementRule::Unanimous,
            usable_at: AgreementLevel::SoftSafe,
            finalized_at: AgreementLevel::Finalized,
            required_evidence_kind: Some(EvidenceKind::Certificate),
        }],
        agreement_contracts: vec![AgreementContract {
            profile_name: text("careful"),
            visibility: OperationVisibility::BlockedUntilFinalized,
            rule: AgreementRule::Unanimous,
            usable_at: AgreementLevel::SoftSafe,
            finalized_at: AgreementLevel::Finalized,
            required_evidence_kind: Some(EvidenceKind::Certificate),
            contract_name: ids::agreement(PAY),
            operation_id: text(PAY),
            session: Some(0),
            owner_id: Some(text("bank")),
        }],
        agreement_evidence: vec![AgreementEvidence {
            evidence_id: text("v1"),
            operation_id: text(PAY),
            session: Some(0),
            owner_id: Some(text("bank")),
            level: AgreementLevel::Finalized,
            kind: EvidenceKind::Certificate,
            reference: text("r1"),
            authoritative: true,
        }],
        agreement_states: vec![AgreementState {
            operation_id: text(PAY),
            session: Some(0),
            owner_id: Some(text("bank")),
            contract_name: ids::agreement(PAY),
            level: AgreementLevel::Finalized,
            finalization: Some(FinalizationOutcome::Finalized),
            evidence_ids: list(&["v1"]),
            last_updated_tick: Some(4),
            reason: None,
        }],
        regions: vec![Region {
            region_id: ids::region(0),
            session: 0,
            owner_id: Some(text("bank")),
            scope: whole,
            operation_ids: list(&[PAY, ASK, GIVE]),
            effect_ids: list(&["e1", "e2"]),
            authoritative_read_ids: list(&["r1"]),
            handle_ids: list(&[PROOF]),
            publication_ids: vec![ids::publication(PAY, "effect.succeeded")],
        }],
        progress_contracts: vec![
            contract(PAY, ProgressState::Succeeded),
            contract(ASK, ProgressState::Cancelled),
            contract(GIVE, ProgressState::Succeeded),
        ],
        progress_transitions: vec![
            transition(PAY, ProgressState::Pending, ProgressState::Blocked, 1),
            transition(PAY, ProgressState::Blocked, ProgressState::Succeeded, 4),
            transition(ASK, ProgressState::Pending, ProgressState::Cancelled, 3),
            transition(GIVE, ProgressState::Pending, ProgressState::Succeeded, 3),
        ],
        finalization_paths: vec![
            FinalizationPath {
                read_class: FinalizationReadClass::Mixed,
                observed_read_ids: list(&["s1"]),
                authoritative_read_ids: list(&["r1"]),
                proof_ids: list(&[PROOF]),
                canonical_handle_ids: list(&[PROOF]),
                publication_ids: vec![ids::publication(PAY, "effect.succeeded")],
                ..path(PAY)
            },
            FinalizationPath {
                stage: FinalizationStage::Invalidated,
                publication_ids: vec![ids::publication(ASK, "effect.invalidated")],
                invalidated_by_handoff_ids: list(&["h1"]),
                ..path(ASK)
            },
            FinalizationPath { publication_ids: vec![ids::publication(GIVE, "handoff.committed")], ..path(GIVE) },
        ],
        ..Default::default()
    };
    bundle.sort();
    bundle
}
