//! Order, ids and references.

use super::{Checked, Look, Rule, Violation, ensure};
use crate::SEMANTIC_OBJECTS_SCHEMA_VERSION;
use crate::ids;
use crate::objects::{FORBID_LATE_RESULTS, PUBLICATIONS, ProtocolMachineSemanticObjects};
use crate::planted::planted;
use alloc::format;
use alloc::string::String;

/// Lists are sorted, ids stand once. Transitions are many for one operation; only their order by it is checked.
pub(super) fn order(objects: &ProtocolMachineSemanticObjects) -> Checked {
    ensure(objects.schema_version == SEMANTIC_OBJECTS_SCHEMA_VERSION, || {
        let why = format!("it must be `{SEMANTIC_OBJECTS_SCHEMA_VERSION}`");
        Violation::new(Rule::IdShape, "schema_version", &objects.schema_version, why)
    })?;
    if planted("check-skips-order") {
        return Ok(());
    }
    for (list, ids) in objects.ids() {
        for pair in ids.windows(2) {
            let (left, right) = (pair[0], pair[1]);
            ensure(left <= right, || Violation::new(Rule::Sorted, list, right, format!("it stands behind `{left}`")))?;
            ensure(left < right || list == "progress_transitions", || {
                Violation::new(Rule::Unique, list, right, "it stands twice")
            })?;
        }
    }
    Ok(())
}

fn shaped(list: &'static str, found: &str, wanted: &str) -> Checked {
    ensure(found == wanted, || Violation::new(Rule::IdShape, list, found, format!("it must be `{wanted}`")))
}

/// Ids and the tokens made of ids have their shapes.
pub(super) fn ids(look: &Look<'_>) -> Checked {
    let objects = look.objects;
    for one in &objects.operation_instances {
        let id = &one.operation_id;
        let kinds = ["effect:", "handoff:", "materialization:"];
        ensure(kinds.iter().any(|kind| id.strip_prefix(kind).is_some_and(|rest| !rest.is_empty())), || {
            let why = "it must be `effect:<id>`, `handoff:<id>` or `materialization:<predicate>:<digest>`";
            Violation::new(Rule::IdShape, "operation_instances", id, why)
        })?;
    }
    for one in &objects.outstanding_effects {
        shaped("outstanding_effects", &one.operation_id, &ids::effect_operation(&one.effect_id))?;
        shaped("outstanding_effects", &one.invalidation_token, &ids::invalidation_token(&one.effect_id))?;
        shaped("outstanding_effects", &one.retry_policy, FORBID_LATE_RESULTS)?;
    }
    for one in &objects.materialization_proofs {
        let wanted = ids::materialization(&one.predicate_ref, &one.output_digest);
        shaped("materialization_proofs", &one.proof_id, &wanted)?;
    }
    for one in &objects.publication_events {
        shaped("publication_events", &one.publication_id, &ids::publication(&one.operation_id, &one.publication))?;
        ensure(PUBLICATIONS.contains(&one.publication.as_str()), || {
            let why = format!("there is no publication `{}`", one.publication);
            Violation::new(Rule::IdShape, "publication_events", &one.publication_id, why)
        })?;
    }
    for one in &objects.prestate_bindings {
        shaped("prestate_bindings", &one.binding_id, &ids::prestate(&one.operation_id))?;
    }
    for one in &objects.agreement_contracts {
        shaped("agreement_contracts", &one.contract_name, &ids::agreement(&one.operation_id))?;
    }
    for one in &objects.regions {
        shaped("regions", &one.region_id, &ids::region(one.session))?;
    }
    Ok(())
}

fn known(there: bool, list: &'static str, object: &str, what: &str, id: &str) -> Checked {
    ensure(there, || Violation::new(Rule::Reference, list, object, format!("its {what} `{id}` is not there")))
}

fn session(list: &'static str, object: &str, mine: Option<u64>, theirs: Option<u64>) -> Checked {
    ensure(mine == theirs, || {
        Violation::new(Rule::Reference, list, object, "it belongs to another session than what it refers to")
    })
}

/// References lead somewhere, into the same session, and back.
pub(super) fn references(look: &Look<'_>) -> Checked {
    let objects = look.objects;
    for one in &objects.operation_instances {
        let (list, id) = ("operation_instances", &one.operation_id);
        for effect_id in &one.effect_ids {
            let effect = look.effects.get(effect_id.as_str());
            known(effect.is_some_and(|effect| effect.operation_id == *id), list, id, "effect", effect_id)?;
        }
        for other in &one.dependent_operation_ids {
            known(look.operations.contains_key(other.as_str()), list, id, "dependent operation", other)?;
        }
        if let Some(publication) = &one.terminal_publication {
            let wanted = ids::publication(id, publication);
            let there = objects.publication_events.binary_search_by(|event| event.publication_id.cmp(&wanted));
            known(there.is_ok(), list, id, "terminal publication", publication)?;
        }
    }
    for one in &objects.outstanding_effects {
        let (list, id) = ("outstanding_effects", &one.effect_id);
        let operation = look.operation(list, id, &one.operation_id)?;
        session(list, id, one.session, operation.session)?;
        known(operation.effect_ids.contains(id), list, id, "entry in the operation", &one.operation_id)?;
        ensure(one.status.is_open() == one.completed_at_tick.is_none(), || {
            Violation::new(Rule::Consistent, list, id, "it has a tick of completion exactly when it is not open")
        })?;
    }
    for one in &objects.observed_reads {
        known(
            look.effects.contains_key(one.effect_id.as_str()),
            "observed_reads",
            &one.read_id,
            "effect",
            &one.effect_id,
        )?;
    }
    for one in &objects.publication_events {
        let (list, id) = ("publication_events", &one.publication_id);
        let operation = look.operation(list, id, &one.operation_id)?;
        session(list, id, one.session, operation.session)?;
        if let Some(proof) = &one.proof_ref {
            known(look.proofs.contains_key(proof.as_str()), list, id, "proof", proof)?;
        }
        if let Some(handle) = &one.handle_ref {
            known(look.handles.contains_key(handle.as_str()), list, id, "handle", handle)?;
        }
    }
    for one in &objects.prestate_bindings {
        let operation = look.operation("prestate_bindings", &one.binding_id, &one.operation_id)?;
        session("prestate_bindings", &one.binding_id, one.session, operation.session)?;
    }
    for one in &objects.regions {
        let (list, id) = ("regions", &one.region_id);
        let strange = |ids: &[String], there: &dyn Fn(&str) -> bool| ids.iter().find(|id| !there(id)).cloned();
        let publication = |id: &str| {
            objects.publication_events.binary_search_by(|event| event.publication_id.as_str().cmp(id)).is_ok()
        };
        let missing = strange(&one.operation_ids, &|id| look.operations.contains_key(id))
            .or_else(|| strange(&one.effect_ids, &|id| look.effects.contains_key(id)))
            .or_else(|| strange(&one.authoritative_read_ids, &|id| look.reads.contains_key(id)))
            .or_else(|| strange(&one.handle_ids, &|id| look.handles.contains_key(id)))
            .or_else(|| strange(&one.publication_ids, &publication));
        if let Some(missing) = missing {
            known(false, list, id, "member", &missing)?;
        }
    }
    Ok(())
}
