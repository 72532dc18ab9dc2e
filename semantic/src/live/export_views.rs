//! What follows from other objects: publications, proofs, finalisation paths, regions.

use super::authority::Read;
use super::course::Published;
use super::effect::{Effect, Publication};
use super::handoff::Handover;
use super::key::{HandoffKey, OutputKey, ReadKey};
use super::output::{Output, publication};
use super::session::Session;
use crate::ids;
use crate::objects::{
    AuthoritativeRead, AuthoritativeReadKind, AuthoritativeReadLifecycle, CanonicalHandle, CanonicalHandleKind,
    FinalizationPath, MaterializationProof, OperationInstance, OperationPhase, OwnershipScope,
    ProtocolMachineSemanticObjects, PublicationEvent, PublicationObserverClass, PublicationStatus, Region,
};
use crate::rules::{FinalizationReadClass, FinalizationStage, HandoffPhase};
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

type Bundle = ProtocolMachineSemanticObjects;

/// Members of one region.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) operations: Vec<String>,
    pub(super) effects: Vec<String>,
    reads: Vec<String>,
    handles: Vec<String>,
    publications: Vec<String>,
}

/// Members of every region, gathered while the other lists are made.
#[derive(Debug, Default)]
pub(super) struct Regions(BTreeMap<Option<u64>, Members>);

impl Regions {
    /// The members of a session's region.
    pub(super) fn of(&mut self, session: Option<u64>) -> &mut Members {
        self.0.entry(session).or_default()
    }

    /// The region of a session.
    pub(super) fn take(&mut self, session: u64, found: Option<&Session>) -> Region {
        let mut members = self.0.remove(&Some(session)).unwrap_or_default();
        let Members { operations, effects, reads, handles, publications } = &mut members;
        [operations, effects, reads, handles, publications].into_iter().for_each(|ids| ids.sort());
        Region {
            region_id: ids::region(session),
            session,
            owner_id: found.and_then(|found| found.owner.clone()),
            scope: found.map_or(OwnershipScope::Session, |found| found.scope.clone()),
            operation_ids: members.operations,
            effect_ids: members.effects,
            authoritative_read_ids: members.reads,
            handle_ids: members.handles,
            publication_ids: members.publications,
        }
    }
}

/// The publication that ended the effect's operation.
pub(super) fn terminal(effect: &Effect) -> Option<String> {
    effect.end()?;
    effect.publications().find(is_canonical).map(|one| one.what.name().into())
}

fn is_canonical(one: &Publication) -> bool {
    one.class == PublicationObserverClass::Canonical && one.status == PublicationStatus::Published
}

/// Publications and the path of an effect's operation.
pub(super) fn effect(
    effect: &Effect,
    operation_id: &str,
    session: Option<u64>,
    owner_id: Option<String>,
    observed_read_ids: Vec<String>,
    into: &mut Bundle,
    regions: &mut Regions,
) {
    let id = |what: Published| ids::publication(operation_id, what.name());
    let published: Vec<Publication> = effect.publications().collect();
    for one in &published {
        regions.of(session).publications.push(id(one.what));
        into.publication_events.push(PublicationEvent {
            publication_id: id(one.what),
            session,
            operation_id: operation_id.into(),
            owner_id: owner_id.clone(),
            publication: one.what.name().into(),
            observer_class: one.class,
            status: one.status,
            proof_ref: None,
            handle_ref: None,
            reason: one.reason.clone(),
        });
    }
    let all = |wanted: &dyn Fn(&Publication) -> bool| {
        let mut ids: Vec<String> = published.iter().filter(|one| wanted(one)).map(|one| id(one.what)).collect();
        ids.sort();
        ids
    };
    let path = effect.course().path;
    into.finalization_paths.push(FinalizationPath {
        operation_id: operation_id.into(),
        session,
        owner_id,
        read_class: path.read_class,
        stage: path.stage,
        observed_read_ids,
        authoritative_read_ids: Vec::new(),
        proof_ids: Vec::new(),
        canonical_handle_ids: Vec::new(),
        publication_ids: all(&is_canonical),
        invalidated_by_handoff_ids: effect.invalidated_by().into_iter().map(|key| key.id()).collect(),
        rejected_publication_ids: all(&|one| one.status == PublicationStatus::Rejected),
    });
}

/// A checked output: operation, read, proof, handle, publication and path.
pub(super) fn output(key: &OutputKey, one: &Output, into: &mut Bundle, regions: &mut Regions) {
    let (session, proof_id, read_id) = (Some(one.session), key.proof_id(), key.read_id());
    let handle = one.passed.then(|| proof_id.clone());
    let published = publication(one.passed);
    let publication_id = ids::publication(&proof_id, published);
    let owner_id = one.owner.clone();
    into.operation_instances.push(OperationInstance {
        operation_id: proof_id.clone(),
        session,
        owner_id: owner_id.clone(),
        kind: "materialization".into(),
        phase: if one.passed { OperationPhase::Succeeded } else { OperationPhase::Failed },
        handler_identity: None,
        effect_ids: Vec::new(),
        dependent_operation_ids: Vec::new(),
        terminal_publication: Some(published.into()),
        budget_ticks: None,
        requires_proof: one.path.requires_proof,
    });
    into.authoritative_reads.push(AuthoritativeRead {
        read_id: read_id.clone(),
        session,
        owner_id: owner_id.clone(),
        kind: AuthoritativeReadKind::OutputCondition,
        lifecycle: match one.passed {
            true => AuthoritativeReadLifecycle::Verified,
            false => AuthoritativeReadLifecycle::Rejected,
        },
        predicate_ref: Some(key.predicate.as_ref().into()),
        witness_id: None,
        generation: None,
        reason: one.witness.clone(),
    });
    into.materialization_proofs.push(MaterializationProof {
        proof_id: proof_id.clone(),
        session,
        predicate_ref: key.predicate.as_ref().into(),
        witness_ref: Some(read_id.clone()),
        output_digest: key.digest_text(),
        passed: one.passed,
    });
    into.canonical_handles.extend(handle.clone().map(|handle_id| CanonicalHandle {
        handle_id,
        session,
        owner_id: owner_id.clone(),
        kind: CanonicalHandleKind::Materialization,
        proof_ref: Some(proof_id.clone()),
    }));
    into.publication_events.push(PublicationEvent {
        publication_id: publication_id.clone(),
        session,
        operation_id: proof_id.clone(),
        owner_id: owner_id.clone(),
        publication: published.into(),
        observer_class: PublicationObserverClass::Canonical,
        status: if one.passed { PublicationStatus::Published } else { PublicationStatus::Rejected },
        proof_ref: Some(proof_id.clone()),
        handle_ref: handle.clone(),
        reason: None,
    });
    let when = |holds: bool, id: &String| if holds { vec![id.clone()] } else { Vec::new() };
    let canonical = one.path.published > 0;
    let authoritative = one.path.read_class != FinalizationReadClass::None;
    let rejected = one.path.stage == FinalizationStage::Rejected;
    into.finalization_paths.push(FinalizationPath {
        operation_id: proof_id.clone(),
        session,
        owner_id,
        read_class: one.path.read_class,
        stage: one.path.stage,
        observed_read_ids: Vec::new(),
        authoritative_read_ids: when(authoritative, &read_id),
        proof_ids: vec![proof_id.clone()],
        canonical_handle_ids: when(one.passed, &proof_id),
        publication_ids: when(canonical, &publication_id),
        invalidated_by_handoff_ids: Vec::new(),
        rejected_publication_ids: when(rejected, &publication_id),
    });
    let members = regions.of(session);
    members.reads.push(read_id);
    members.handles.extend(handle);
    members.publications.push(publication_id);
    members.operations.push(proof_id);
}

/// A read that rests on a witness.
pub(super) fn read(key: &ReadKey, one: &Read, into: &mut Bundle, regions: &mut Regions) {
    regions.of(key.session).reads.push(key.id());
    into.authoritative_reads.push(AuthoritativeRead {
        read_id: key.id(),
        session: key.session,
        owner_id: one.owner.clone(),
        kind: key.kind,
        lifecycle: one.lifecycle(),
        predicate_ref: one.predicate.clone(),
        witness_id: Some(key.witness),
        generation: one.generation,
        reason: one.reason.clone(),
    });
}

/// A handoff's operation; of a committed one its handle, its publication and its path.
pub(super) fn handoff(key: HandoffKey, one: &Handover, into: &mut Bundle, regions: &mut Regions) {
    let (session, operation_id) = (Some(key.session), key.operation_id());
    let phase = match one.rule.phase {
        HandoffPhase::Begun | HandoffPhase::Revoked => OperationPhase::Pending,
        HandoffPhase::Committed => OperationPhase::Succeeded,
        HandoffPhase::RolledBack => OperationPhase::Cancelled,
        HandoffPhase::Failed => OperationPhase::Failed,
    };
    let committed = one.is_committed();
    let owner_id = one.owner.clone();
    into.operation_instances.push(OperationInstance {
        operation_id: operation_id.clone(),
        session,
        owner_id: owner_id.clone(),
        kind: "handoff".into(),
        phase,
        handler_identity: None,
        effect_ids: Vec::new(),
        dependent_operation_ids: Vec::new(),
        terminal_publication: committed.then(|| "handoff.committed".into()),
        budget_ticks: None,
        requires_proof: false,
    });
    let publication_id = ids::publication(&operation_id, "handoff.committed");
    let when = |id: &String| if committed { vec![id.clone()] } else { Vec::new() };
    into.finalization_paths.push(FinalizationPath {
        operation_id: operation_id.clone(),
        session,
        owner_id: owner_id.clone(),
        read_class: FinalizationReadClass::None,
        stage: if committed { FinalizationStage::Canonical } else { FinalizationStage::Observed },
        observed_read_ids: Vec::new(),
        authoritative_read_ids: Vec::new(),
        proof_ids: Vec::new(),
        canonical_handle_ids: when(&operation_id),
        publication_ids: when(&publication_id),
        invalidated_by_handoff_ids: Vec::new(),
        rejected_publication_ids: Vec::new(),
    });
    let members = regions.of(session);
    members.operations.push(operation_id.clone());
    if !committed {
        return;
    }
    members.handles.push(operation_id.clone());
    members.publications.push(publication_id.clone());
    into.canonical_handles.push(CanonicalHandle {
        handle_id: operation_id.clone(),
        session,
        owner_id: owner_id.clone(),
        kind: CanonicalHandleKind::Handoff,
        proof_ref: None,
    });
    into.publication_events.push(PublicationEvent {
        publication_id,
        session,
        operation_id: operation_id.clone(),
        owner_id,
        publication: "handoff.committed".into(),
        observer_class: PublicationObserverClass::Canonical,
        status: PublicationStatus::Published,
        proof_ref: None,
        handle_ref: Some(operation_id),
        reason: None,
    });
}
