//! Proofs, authority, publications, and the paths that are made of them.

use super::{Checked, Look, Rule, Violation, ensure};
use crate::objects::{
    CanonicalHandleKind, OperationPhase, OutstandingEffectStatus, PublicationEvent, PublicationObserverClass,
    PublicationStatus,
};
use crate::planted::planted;
use crate::rules::{FinalizationReadClass, FinalizationStage, StagesReached};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

/// Whether the publication rests on a passed proof whose handle is there and stands for exactly this proof.
fn proved(look: &Look<'_>, event: &PublicationEvent) -> bool {
    let proof = event.proof_ref.as_deref().and_then(|id| look.proofs.get(id));
    let handle = event.handle_ref.as_deref().and_then(|id| look.handles.get(id));
    match (proof, handle) {
        (Some(proof), Some(handle)) => proof.passed && handle.proof_ref.as_deref() == Some(proof.proof_id.as_str()),
        _ => false,
    }
}

/// Success that needs a proof has one; what is published on a proof is published on one that passed; handles have
/// theirs.
pub(super) fn proofs(look: &Look<'_>) -> Checked {
    let events = &look.objects.publication_events;
    let canonical = |operation_id: &str| {
        events.iter().filter(|event| event.is_canonical()).find(|event| event.operation_id == operation_id)
    };
    let proving: BTreeSet<&str> = events
        .iter()
        .filter(|event| event.is_canonical() && proved(look, event))
        .map(|event| event.operation_id.as_str())
        .collect();
    for one in &look.objects.operation_instances {
        let needs = one.requires_proof && one.phase == OperationPhase::Succeeded;
        let id = one.operation_id.as_str();
        ensure(!needs || proving.contains(id) || planted("check-skips-proofs"), || {
            let why = match canonical(id) {
                None => "it succeeded without a canonical publication on a proof",
                Some(_) => "it succeeded, and its canonical publication has no passed proof with its handle",
            };
            Violation::new(Rule::ProofRequired, "operation_instances", id, why)
        })?;
    }
    for one in events.iter().filter(|event| event.is_canonical() && !planted("check-skips-failed-proofs")) {
        let proof = one.proof_ref.as_deref().and_then(|id| look.proofs.get(id));
        let says_failed = one.publication == "materialization.failed";
        ensure(proof.is_none_or(|proof| proof.passed != says_failed), || {
            Violation::new(Rule::ProofPassed, "publication_events", &one.publication_id, "its proof says the opposite")
        })?;
    }
    for one in look.objects.canonical_handles.iter().filter(|_| !planted("check-skips-handles")) {
        let proof = one.proof_ref.as_deref().and_then(|id| look.proofs.get(id));
        let backed = proof.is_some_and(|proof| proof.passed);
        ensure(one.kind != CanonicalHandleKind::Materialization || backed, || {
            Violation::new(Rule::HandleProof, "canonical_handles", &one.handle_id, "it has no passed proof")
        })?;
    }
    Ok(())
}

/// What was observed is nowhere taken for authority.
pub(super) fn authority(look: &Look<'_>) -> Checked {
    if planted("check-skips-authority") {
        return Ok(());
    }
    let observed: BTreeSet<&str> = look.objects.observed_reads.iter().map(|read| read.read_id.as_str()).collect();
    let broken = |list, object: &str, what: &str| {
        Violation::new(Rule::ObservedNotAuthority, list, object, format!("{what} is an observed read"))
    };
    for one in &look.objects.authoritative_reads {
        ensure(!observed.contains(one.read_id.as_str()), || broken("authoritative_reads", &one.read_id, "it"))?;
    }
    for one in &look.objects.agreement_evidence {
        let taken = one.authoritative && observed.contains(one.reference.as_str());
        ensure(!taken, || broken("agreement_evidence", &one.evidence_id, "its authority"))?;
    }
    for one in &look.objects.materialization_proofs {
        let (list, id) = ("materialization_proofs", one.proof_id.as_str());
        if let Some(witness) = one.witness_ref.as_deref() {
            ensure(!observed.contains(witness), || broken(list, id, "its witness"))?;
            let read = look.reads.get(witness);
            ensure(!one.passed || read.is_some_and(|read| read.lifecycle.is_authority()), || {
                let why = "its witness is no read that was consumed or verified";
                Violation::new(Rule::ObservedNotAuthority, list, id, why)
            })?;
        }
    }
    for one in &look.objects.finalization_paths {
        let taken = one.authoritative_read_ids.iter().any(|id| observed.contains(id.as_str()));
        ensure(!taken, || broken("finalization_paths", &one.operation_id, "an authoritative read"))?;
    }
    Ok(())
}

/// The phase that a publication says.
fn phase(publication: &str) -> Option<&'static [OperationPhase]> {
    Some(match publication {
        "effect.succeeded" | "handoff.committed" | "materialization.succeeded" => &[OperationPhase::Succeeded],
        "effect.failed" | "materialization.failed" => &[OperationPhase::Failed],
        "effect.cancelled" => &[OperationPhase::Cancelled],
        "effect.invalidated" => &[OperationPhase::Cancelled, OperationPhase::HandedOff],
        "effect.timed_out" => &[OperationPhase::TimedOut],
        _ => return None,
    })
}

/// At most one canonical publication for each operation, and one that says what the operation's phase says.
pub(super) fn publications(look: &Look<'_>) -> Checked {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for one in look.objects.publication_events.iter().filter(|event| event.is_canonical()) {
        let (list, id) = ("publication_events", one.publication_id.as_str());
        let before = seen.insert(&one.operation_id, id);
        if let Some(before) = before.filter(|_| !planted("check-skips-second-publication")) {
            let why = format!("`{before}` is the operation's canonical publication");
            return Err(Violation::new(Rule::OneCanonicalPublication, list, id, why));
        }
        let operation = look.operation(list, id, &one.operation_id)?;
        let phases = phase(&one.publication);
        ensure(phases.is_none_or(|phases| phases.contains(&operation.phase)), || {
            let why = format!("its operation is {}", operation.phase);
            Violation::new(Rule::Consistent, list, id, why)
        })?;
    }
    Ok(())
}

/// No result of an effect that was invalidated is taken.
pub(super) fn late_results(look: &Look<'_>) -> Checked {
    if planted("check-skips-late-results") {
        return Ok(());
    }
    let committed = look.objects.transformation_obligations.iter().filter(|one| one.is_committed());
    let invalidated: BTreeSet<&str> =
        committed.flat_map(|one| &one.invalidated_effect_ids).map(|id| id.as_str()).collect();
    for one in &look.objects.outstanding_effects {
        let (list, id) = ("outstanding_effects", one.effect_id.as_str());
        let gone = one.status == OutstandingEffectStatus::Invalidated;
        ensure(!invalidated.contains(id) || gone, || {
            let why = format!("a handoff invalidated it, and it is {}", one.status);
            Violation::new(Rule::LateResult, list, id, why)
        })?;
        ensure(!gone || one.outputs.is_null(), || {
            Violation::new(Rule::LateResult, list, id, "it was invalidated and has a result")
        })?;
    }
    for one in look.objects.publication_events.iter().filter(|event| event.is_canonical()) {
        let effect = one.operation_id.strip_prefix("effect:").and_then(|id| look.effects.get(id));
        let gone = effect.is_some_and(|effect| effect.status == OutstandingEffectStatus::Invalidated);
        ensure(!gone || one.publication == "effect.invalidated", || {
            let why = "its effect was invalidated before";
            Violation::new(Rule::LateResult, "publication_events", &one.publication_id, why)
        })?;
    }
    Ok(())
}

/// Stage and read class of every path follow from the objects that it names.
pub(super) fn finalization(look: &Look<'_>) -> Checked {
    for one in &look.objects.finalization_paths {
        let (list, id) = ("finalization_paths", one.operation_id.as_str());
        look.operation(list, id, id)?;
        let class =
            FinalizationReadClass::of(!one.observed_read_ids.is_empty(), !one.authoritative_read_ids.is_empty());
        ensure(one.read_class == class, || {
            let why = format!("its reads make it {class}, not {}", one.read_class);
            Violation::new(Rule::FinalizationPriority, list, id, why)
        })?;
        let events = || look.objects.publication_events.iter().filter(|event| event.operation_id == id);
        let named = |ids: &[alloc::string::String], event: &PublicationEvent| ids.contains(&event.publication_id);
        let canonical = events().any(|event| event.is_canonical());
        let rejected = events().any(|event| {
            event.status == PublicationStatus::Rejected && event.observer_class == PublicationObserverClass::Canonical
        });
        let complete = events().all(|event| {
            (!event.is_canonical() || named(&one.publication_ids, event))
                && (event.status != PublicationStatus::Rejected || named(&one.rejected_publication_ids, event))
        });
        ensure(complete, || {
            Violation::new(Rule::FinalizationPriority, list, id, "it leaves out a publication of its operation")
        })?;
        let passed = |id: &alloc::string::String| look.proofs.get(id.as_str()).is_some_and(|proof| proof.passed);
        let stage = FinalizationStage::of(StagesReached {
            authoritative: !one.authoritative_read_ids.is_empty(),
            materialized: one.proof_ids.iter().any(passed),
            canonical,
            rejected: rejected || !one.rejected_publication_ids.is_empty(),
            invalidated: !one.invalidated_by_handoff_ids.is_empty(),
        });
        ensure(one.stage == stage, || {
            let why = format!("its objects make it {stage}, not {}", one.stage);
            Violation::new(Rule::FinalizationPriority, list, id, why)
        })?;
    }
    Ok(())
}
