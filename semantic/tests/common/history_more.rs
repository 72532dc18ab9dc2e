//! The rest of the history's objects: handoffs, checked outputs, reads and regions.

use super::{Happened, History, affected, covers, gone, output_id, owner, read_id, transfer};
use motet_semantic::*;
use std::collections::BTreeSet;

/// A transfer of ownership, from where it began.
pub(super) fn ownership(
    history: &History,
    began: usize,
    session: u64,
    receipt: &OwnershipReceipt,
    id: String,
    into: &mut ProtocolMachineSemanticObjects,
) {
    let over = history.iter().enumerate().skip(began + 1).find_map(|(at, (tick, one))| match one {
        Happened::Authority(_, record, transports) if record.event != AuthorityAuditEvent::Issued => {
            let same = transfer(record).is_some_and(|(_, other)| other == id);
            same.then(|| (at, *tick, record.event, record.reason.clone(), *transports))
        }
        _ => None,
    });
    let done = |(at, tick, event, reason, transports): (usize, u64, AuthorityAuditEvent, Option<String>, bool)| {
        let committed = event == AuthorityAuditEvent::Committed;
        let one = SemanticHandoff {
            handoff_id: id.clone(),
            session,
            from_coro: 0,
            to_coro: 0,
            revoked_owner_id: receipt.from_owner_id.clone(),
            activated_owner_id: receipt.to_owner_id.clone(),
            scope: receipt.scope.clone(),
            status: if committed { DelegationStatus::Committed } else { DelegationStatus::RolledBack },
            tick,
            reason,
        };
        let all = affected(history, at, |ask| ask.session == session && covers(&receipt.scope, &ask.role));
        let all = if committed { all } else { Vec::new() };
        let (transported, invalidated) = if transports { (all, Vec::new()) } else { (Vec::new(), all) };
        let owner = match committed {
            true => Some(receipt.to_owner_id.clone()),
            false => owner(&history[..at], session).0,
        };
        (one, owner, transported, invalidated)
    };
    // A committed one that has not been given to its new owner yet stands between two steps of one operation.
    match over.map(done) {
        None => handoff(None, Some((id, session)), None, Vec::new(), Vec::new(), into),
        Some((one, owner, transported, invalidated)) => handoff(Some(one), None, owner, transported, invalidated, into),
    }
}

pub(super) fn handoff(
    one: Option<SemanticHandoff>,
    begun: Option<(String, u64)>,
    owner_id: Option<String>,
    transported: Vec<String>,
    invalidated: Vec<String>,
    into: &mut ProtocolMachineSemanticObjects,
) {
    let (id, session) = match (&one, begun) {
        (Some(one), _) => (one.handoff_id.clone(), one.session),
        (None, begun) => begun.unwrap_or_default(),
    };
    let committed = one.as_ref().is_some_and(|one| one.status == DelegationStatus::Committed);
    let operation_id = format!("handoff:{id}");
    let publication_id = format!("{operation_id}:handoff.committed");
    into.operation_instances.push(OperationInstance {
        operation_id: operation_id.clone(),
        session: Some(session),
        owner_id: owner_id.clone(),
        kind: "handoff".into(),
        phase: match (&one, committed) {
            (None, _) => OperationPhase::Pending,
            (_, true) => OperationPhase::Succeeded,
            (_, false) => OperationPhase::Cancelled,
        },
        handler_identity: None,
        effect_ids: Vec::new(),
        dependent_operation_ids: Vec::new(),
        terminal_publication: committed.then(|| "handoff.committed".into()),
        budget_ticks: None,
        requires_proof: false,
    });
    let when = |id: &String| if committed { vec![id.clone()] } else { Vec::new() };
    into.finalization_paths.push(FinalizationPath {
        operation_id: operation_id.clone(),
        session: Some(session),
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
    if committed {
        into.canonical_handles.push(CanonicalHandle {
            handle_id: operation_id.clone(),
            session: Some(session),
            owner_id: owner_id.clone(),
            kind: CanonicalHandleKind::Handoff,
            proof_ref: None,
        });
        into.publication_events.push(PublicationEvent {
            publication_id,
            session: Some(session),
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
    let Some(one) = one else { return };
    let mut affected_effect_ids: Vec<String> = transported.iter().chain(&invalidated).cloned().collect();
    affected_effect_ids.sort();
    into.transformation_obligations.push(TransformationObligation {
        obligation_id: format!("obligation:{id}"),
        handoff_id: id,
        session,
        transformed_fragments: match &one.scope {
            OwnershipScope::Session => Vec::new(),
            OwnershipScope::Fragments(roles) => roles.iter().cloned().collect(),
        },
        affected_operation_ids: affected_effect_ids.iter().map(|id| format!("effect:{id}")).collect(),
        affected_effect_ids,
        transported_effect_ids: transported,
        invalidated_effect_ids: invalidated,
        witness_policy: "withdrawn".into(),
        publication_revoked_from: one.revoked_owner_id.clone(),
        publication_activated_to: one.activated_owner_id.clone(),
        scope: one.scope.clone(),
        status: one.status,
        tick: one.tick,
        reason: one.reason.clone(),
    });
    into.semantic_handoffs.push(one);
}

pub(super) fn output(history: &History, at: usize, gone: &BTreeSet<String>, into: &mut ProtocolMachineSemanticObjects) {
    let Happened::Checked { session, predicate, witness, digest, passed } = &history[at].1 else { return };
    let id = output_id(predicate, digest);
    if gone.contains(&id) {
        return;
    }
    if let Some(before) = into.materialization_proofs.iter().position(|proof| proof.proof_id == id) {
        // It retired meanwhile and was checked anew, or it is the same one still; the owner may have changed in between.
        // Which of the two it is, `fresh` says.
        if !fresh(history, at, &id) {
            return;
        }
        into.materialization_proofs.remove(before);
        into.operation_instances.retain(|one| one.operation_id != id);
        into.canonical_handles.retain(|one| one.handle_id != id);
        into.publication_events.retain(|one| one.operation_id != id);
        into.finalization_paths.retain(|one| one.operation_id != id);
        into.authoritative_reads.retain(|one| one.read_id != format!("output_condition:{predicate}:{digest}"));
    }
    let owner_id = owner(&history[..at], *session).0;
    let session = Some(*session);
    let read_id = format!("output_condition:{predicate}:{digest}");
    let published = if *passed { "materialization.succeeded" } else { "materialization.failed" };
    let publication_id = format!("{id}:{published}");
    into.operation_instances.push(OperationInstance {
        operation_id: id.clone(),
        session,
        owner_id: owner_id.clone(),
        kind: "materialization".into(),
        phase: if *passed { OperationPhase::Succeeded } else { OperationPhase::Failed },
        handler_identity: None,
        effect_ids: Vec::new(),
        dependent_operation_ids: Vec::new(),
        terminal_publication: Some(published.into()),
        budget_ticks: None,
        requires_proof: true,
    });
    into.authoritative_reads.push(AuthoritativeRead {
        read_id: read_id.clone(),
        session,
        owner_id: owner_id.clone(),
        kind: AuthoritativeReadKind::OutputCondition,
        lifecycle: match passed {
            true => AuthoritativeReadLifecycle::Verified,
            false => AuthoritativeReadLifecycle::Rejected,
        },
        predicate_ref: Some(predicate.clone()),
        witness_id: None,
        generation: None,
        reason: witness.clone(),
    });
    into.materialization_proofs.push(MaterializationProof {
        proof_id: id.clone(),
        session,
        predicate_ref: predicate.clone(),
        witness_ref: Some(read_id.clone()),
        output_digest: digest.clone(),
        passed: *passed,
    });
    if *passed {
        into.canonical_handles.push(CanonicalHandle {
            handle_id: id.clone(),
            session,
            owner_id: owner_id.clone(),
            kind: CanonicalHandleKind::Materialization,
            proof_ref: Some(id.clone()),
        });
    }
    into.publication_events.push(PublicationEvent {
        publication_id: publication_id.clone(),
        session,
        operation_id: id.clone(),
        owner_id: owner_id.clone(),
        publication: published.into(),
        observer_class: PublicationObserverClass::Canonical,
        status: if *passed { PublicationStatus::Published } else { PublicationStatus::Rejected },
        proof_ref: Some(id.clone()),
        handle_ref: passed.then(|| id.clone()),
        reason: None,
    });
    let when = |holds: bool, id: &String| if holds { vec![id.clone()] } else { Vec::new() };
    into.finalization_paths.push(FinalizationPath {
        operation_id: id.clone(),
        session,
        owner_id,
        read_class: match passed {
            true => FinalizationReadClass::AuthoritativeOnly,
            false => FinalizationReadClass::None,
        },
        stage: if *passed { FinalizationStage::Canonical } else { FinalizationStage::Rejected },
        observed_read_ids: Vec::new(),
        authoritative_read_ids: when(*passed, &read_id),
        proof_ids: vec![id.clone()],
        canonical_handle_ids: when(*passed, &id),
        publication_ids: when(*passed, &publication_id),
        invalidated_by_handoff_ids: Vec::new(),
        rejected_publication_ids: when(!*passed, &publication_id),
    });
}

std::thread_local! {
    /// How much is kept, for `fresh`, which looks at earlier moments.
    pub(crate) static KEEP: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Whether an output that was checked before had retired when it was checked again.
fn fresh(history: &History, at: usize, id: &str) -> bool {
    gone(&history[..at], KEEP.get()).contains(id)
}

pub(super) fn read(
    history: &History,
    session: Option<u64>,
    record: &AuthorityAuditRecord,
    id: String,
) -> AuthoritativeRead {
    let mut lifecycle = AuthoritativeReadLifecycle::Issued;
    let (kind, owner_id, predicate_ref, witness_id, generation, mut reason) = match &record.artifact {
        AuthorityArtifact::Readiness(one) => {
            let predicate = Some(one.predicate_ref.clone());
            let kind = AuthoritativeReadKind::Readiness;
            (kind, Some(one.owner_id.clone()), predicate, one.witness_id, Some(one.generation), None)
        }
        AuthorityArtifact::Cancellation(one) => {
            let (kind, why) = (AuthoritativeReadKind::Cancellation, Some(one.reason.clone()));
            (kind, Some(one.owner_id.clone()), None, one.witness_id, Some(one.generation), why)
        }
        AuthorityArtifact::Timeout(one) => {
            (AuthoritativeReadKind::Timeout, None, Some(one.site.clone()), one.witness_id, None, None)
        }
        _ => unreachable!("only witnesses are read"),
    };
    for (_, happened) in history {
        let Happened::Authority(at, record, _) = happened else { continue };
        if *at != session
            || read_id(*at, record).as_ref() != Some(&id)
            || lifecycle != AuthoritativeReadLifecycle::Issued
        {
            continue;
        }
        let why = || record.reason.clone().or(reason.clone());
        (lifecycle, reason) = match record.event {
            AuthorityAuditEvent::Issued => (AuthoritativeReadLifecycle::Issued, reason),
            AuthorityAuditEvent::Consumed => (AuthoritativeReadLifecycle::Consumed, why()),
            AuthorityAuditEvent::Expired => {
                (AuthoritativeReadLifecycle::Rejected, Some(record.reason.clone().unwrap_or("expired".into())))
            }
            _ => (AuthoritativeReadLifecycle::Rejected, why()),
        };
    }
    AuthoritativeRead {
        read_id: id,
        session,
        owner_id,
        kind,
        lifecycle,
        predicate_ref,
        witness_id: Some(witness_id),
        generation,
        reason,
    }
}

/// The region of a session, from everything else.
pub(super) fn region(history: &History, session: u64, all: &ProtocolMachineSemanticObjects) -> Region {
    let (owner_id, scope) = owner(history, session);
    let mine = Some(session);
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    macro_rules! ids {
        ($list:ident, $id:ident) => {
            sorted(all.$list.iter().filter(|one| one.session == mine).map(|one| one.$id.clone()).collect())
        };
    }
    Region {
        region_id: format!("session:{session}"),
        session,
        owner_id,
        scope,
        operation_ids: ids!(operation_instances, operation_id),
        effect_ids: ids!(outstanding_effects, effect_id),
        authoritative_read_ids: ids!(authoritative_reads, read_id),
        handle_ids: ids!(canonical_handles, handle_id),
        publication_ids: ids!(publication_events, publication_id),
    }
}
