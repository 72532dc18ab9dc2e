//! Semantic objects as documents, and the invariants between them: a good bundle, and every way to spoil it.
// With faults planted, the checks run one by one from `planted.rs`.
#![cfg_attr(feature = "planted", allow(dead_code))]

#[path = "common/example.rs"]
mod example;

use example::{ASK, GIVE, PAY, PROOF, bundle};
use motet_semantic::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

type Bundle = ProtocolMachineSemanticObjects;

#[cfg_attr(not(feature = "planted"), test)]
fn a_good_bundle_passes() {
    assert_eq!(check(&bundle()), Ok(()));
    assert_eq!(check(&Bundle::default()), Ok(()));
}

#[cfg_attr(not(feature = "planted"), test)]
fn round_trips() {
    let good = bundle();
    let text = good.to_json().unwrap();
    assert_eq!(Bundle::from_json(&text).unwrap(), good);
    let document: Value = serde_json::from_str(&text).unwrap();
    let keys: BTreeSet<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    let lists = Bundle::LISTS.iter().copied().chain(["schema_version"]).collect();
    assert_eq!(keys, lists);
    assert!(Bundle::LISTS.iter().all(|list| !document[list].as_array().unwrap().is_empty()), "every kind is there");
}

/// Decoding is strict at every depth: an unknown field in any object, a field less, a version that is not this one.
#[cfg_attr(not(feature = "planted"), test)]
fn decoding_is_strict() {
    let good: Value = serde_json::from_str(&bundle().to_json().unwrap()).unwrap();
    let refused = |document: &Value| Bundle::from_json(&document.to_string()).unwrap_err();
    for list in Bundle::LISTS {
        let mut more = good.clone();
        more[list][0]["surplus"] = json!(1);
        assert!(matches!(refused(&more), BundleError::Shape(_)), "{list}");
        for (field, value) in good[list][0].as_object().unwrap() {
            let mut less = good.clone();
            less[list][0].as_object_mut().unwrap().remove(field);
            match Bundle::from_json(&less.to_string()) {
                Err(BundleError::Shape(_)) => {}
                // What may be null may be left out.
                Ok(read) => {
                    let again = serde_json::to_value(&read).unwrap();
                    assert_eq!(again[list][0][field], Value::Null, "{list}.{field} was {value}");
                }
                Err(other) => panic!("{other}"),
            }
        }
        let mut gone = good.clone();
        gone.as_object_mut().unwrap().remove(*list);
        assert!(matches!(refused(&gone), BundleError::Shape(_)), "{list}");
    }
    let versions = [json!(null), json!("protocol_machine.semantic_objects.v2"), json!(1)];
    for version in versions {
        let mut other = good.clone();
        other["schema_version"] = version;
        assert!(matches!(refused(&other), BundleError::Schema(SchemaError::Unsupported { .. })));
    }
    let mut none = good.clone();
    none.as_object_mut().unwrap().remove("schema_version");
    assert!(matches!(refused(&none), BundleError::Schema(SchemaError::Missing { .. })));
    let twice = bundle().to_json().unwrap().replacen('{', "{\"regions\":[],", 1);
    assert!(matches!(Bundle::from_json(&twice), Err(BundleError::Shape(_))));
    assert!(matches!(Bundle::from_json("{"), Err(BundleError::Shape(_))));
}

/// Each spoils the good bundle in one way: the rule that it breaks, and how.
type Spoil = (Rule, &'static str, fn(&mut Bundle));

fn spoils() -> Vec<Spoil> {
    vec![
        (Rule::IdShape, "schema_version", |b| b.schema_version = "v2".into()),
        (Rule::Sorted, "operation_instances", |b| b.operation_instances.swap(0, 1)),
        (Rule::Unique, "canonical_handles", |b| b.canonical_handles.push(b.canonical_handles[0].clone())),
        (Rule::IdShape, "operation_instances", |b| b.operation_instances[0].operation_id = "e1".into()),
        (Rule::IdShape, "outstanding_effects", |b| b.outstanding_effects[0].invalidation_token = "effect:e1".into()),
        (Rule::IdShape, "outstanding_effects", |b| b.outstanding_effects[0].retry_policy = "retry".into()),
        (Rule::IdShape, "materialization_proofs", |b| b.materialization_proofs[0].output_digest = "d2".into()),
        (Rule::IdShape, "regions", |b| b.regions[0].session = 1),
        (Rule::IdShape, "agreement_contracts", |b| b.agreement_contracts[0].contract_name = "agreement:x".into()),
        (Rule::IdShape, "prestate_bindings", |b| b.prestate_bindings[0].binding_id = "prestate:x".into()),
        (Rule::IdShape, "publication_events", |b| {
            let event = b.publication_events.last_mut().unwrap();
            event.publication = "handoff.done".into();
            event.publication_id = ids::publication(GIVE, "handoff.done");
        }),
        (Rule::Reference, "operation_instances", |b| b.operation_instances[0].effect_ids = vec!["e9".into()]),
        (Rule::Reference, "operation_instances", |b| {
            b.operation_instances[0].dependent_operation_ids = vec!["effect:e9".into()];
        }),
        (Rule::Reference, "operation_instances", |b| {
            b.operation_instances[0].terminal_publication = Some("effect.failed".into());
        }),
        (Rule::Reference, "outstanding_effects", |b| b.outstanding_effects[0].session = Some(7)),
        (Rule::Consistent, "outstanding_effects", |b| b.outstanding_effects[0].completed_at_tick = None),
        (Rule::Reference, "observed_reads", |b| b.observed_reads[0].effect_id = "e9".into()),
        (Rule::Reference, "publication_events", |b| b.publication_events[1].proof_ref = Some("x".into())),
        (Rule::Reference, "regions", |b| b.regions[0].handle_ids = vec!["x".into()]),
        (Rule::ProofRequired, "operation_instances", |b| b.publication_events[1].proof_ref = None),
        (Rule::ProofRequired, "operation_instances", |b| b.publication_events[1].handle_ref = None),
        (Rule::ProofRequired, "operation_instances", |b| {
            b.publication_events[1].observer_class = PublicationObserverClass::Audit;
        }),
        (Rule::ProofPassed, "publication_events", |b| {
            b.operation_instances[0].requires_proof = false;
            b.materialization_proofs[0].passed = false;
        }),
        (Rule::HandleProof, "canonical_handles", |b| {
            b.operation_instances[0].requires_proof = false;
            b.canonical_handles[0].proof_ref = None;
        }),
        (Rule::ObservedNotAuthority, "authoritative_reads", |b| b.observed_reads[0].read_id = "r1".into()),
        (Rule::ObservedNotAuthority, "agreement_evidence", |b| b.agreement_evidence[0].reference = "s1".into()),
        (Rule::ObservedNotAuthority, "materialization_proofs", |b| {
            b.materialization_proofs[0].witness_ref = Some("s1".into());
        }),
        (Rule::ObservedNotAuthority, "materialization_proofs", |b| {
            b.authoritative_reads[0].lifecycle = AuthoritativeReadLifecycle::Rejected;
        }),
        (Rule::ObservedNotAuthority, "finalization_paths", |b| {
            b.finalization_paths[0].authoritative_read_ids = vec!["s1".into()];
        }),
        (Rule::OneCanonicalPublication, "publication_events", |b| {
            b.publication_events[0].observer_class = PublicationObserverClass::Canonical;
        }),
        (Rule::Consistent, "publication_events", |b| b.operation_instances[2].phase = OperationPhase::Failed),
        (Rule::LateResult, "outstanding_effects", |b| {
            b.outstanding_effects[1].status = OutstandingEffectStatus::Succeeded;
        }),
        (Rule::LateResult, "outstanding_effects", |b| b.outstanding_effects[1].outputs = json!(1)),
        (Rule::LateResult, "publication_events", |b| {
            let at = b.publication_events.iter().position(|event| event.operation_id == ASK).unwrap();
            b.publication_events[at].publication = "effect.succeeded".into();
            b.publication_events[at].publication_id = ids::publication(ASK, "effect.succeeded");
            b.operation_instances[1].terminal_publication = None;
            b.operation_instances[1].phase = OperationPhase::Succeeded;
        }),
        (Rule::RevokeBeforeActivate, "semantic_handoffs", |b| {
            b.semantic_handoffs[0].activated_owner_id = "shop".into();
            b.transformation_obligations[0].publication_activated_to = "shop".into();
        }),
        (Rule::RevokeBeforeActivate, "semantic_handoffs", |b| {
            b.transformation_obligations[0].publication_revoked_from = "bank".into();
        }),
        (Rule::RevokeBeforeActivate, "outstanding_effects", |b| {
            b.outstanding_effects[0].status = OutstandingEffectStatus::Blocked;
            b.outstanding_effects[0].completed_at_tick = None;
            b.outstanding_effects[0].owner_id = Some("shop".into());
        }),
        (Rule::RevokeBeforeActivate, "regions", |b| b.regions[0].owner_id = Some("shop".into())),
        (Rule::Consistent, "semantic_handoffs", |b| b.semantic_handoffs[0].status = DelegationStatus::RolledBack),
        (Rule::SettledOnce, "semantic_handoffs", |b| b.transformation_obligations.clear()),
        (Rule::SettledOnce, "transformation_obligations", |b| {
            let mut second = b.transformation_obligations[0].clone();
            second.obligation_id = "o2".into();
            b.transformation_obligations.push(second);
        }),
        (Rule::Reference, "transformation_obligations", |b| b.semantic_handoffs.clear()),
        (Rule::SettledOnce, "transformation_obligations", |b| {
            b.transformation_obligations[0].transported_effect_ids.clear();
        }),
        (Rule::SettledOnce, "transformation_obligations", |b| {
            b.transformation_obligations[0].transported_effect_ids.push("e2".into());
        }),
        (Rule::SettledOnce, "transformation_obligations", |b| {
            b.transformation_obligations[0].transported_effect_ids.push("e3".into());
        }),
        (Rule::AgreementLegal, "agreement_states", |b| b.agreement_states[0].level = AgreementLevel::SoftSafe),
        (Rule::AgreementLegal, "agreement_states", |b| b.agreement_evidence[0].authoritative = false),
        (Rule::AgreementLegal, "agreement_states", |b| b.agreement_evidence[0].kind = EvidenceKind::Witness),
        (Rule::AgreementLegal, "agreement_states", |b| b.agreement_evidence[0].level = AgreementLevel::SoftSafe),
        (Rule::AgreementLegal, "agreement_states", |b| b.agreement_states[0].evidence_ids.clear()),
        (Rule::Reference, "agreement_states", |b| b.agreement_states[0].evidence_ids = vec!["v9".into()]),
        (Rule::AgreementLegal, "agreement_contracts", |b| {
            b.agreement_contracts[0].finalized_at = AgreementLevel::Provisional;
        }),
        (Rule::Reference, "agreement_contracts", |b| b.agreement_profiles.clear()),
        (Rule::ProgressLegal, "progress_contracts", |b| b.progress_contracts[0].state = ProgressState::Failed),
        (Rule::ProgressLegal, "progress_contracts", |b| b.progress_contracts[0].budget_ticks = None),
        (Rule::ProgressLegal, "progress_transitions", |b| {
            b.progress_transitions[0].to_state = ProgressState::Degraded;
        }),
        (Rule::ProgressLegal, "progress_transitions", |b| b.progress_transitions[0].tick = 9),
        (Rule::ProgressLegal, "progress_transitions", |b| drop(b.progress_transitions.remove(1))),
        (Rule::Reference, "progress_transitions", |b| drop(b.progress_contracts.remove(0))),
        (Rule::FinalizationPriority, "finalization_paths", |b| {
            b.finalization_paths[0].stage = FinalizationStage::Materialized;
        }),
        (Rule::FinalizationPriority, "finalization_paths", |b| {
            b.finalization_paths[0].read_class = FinalizationReadClass::ObservedOnly;
        }),
        (Rule::FinalizationPriority, "finalization_paths", |b| b.finalization_paths[0].publication_ids.clear()),
    ]
}

pub(crate) fn every_spoilt_bundle_is_refused() {
    let all = spoils();
    for (at, (rule, list, spoil)) in all.iter().enumerate() {
        let mut spoilt = bundle();
        spoil(&mut spoilt);
        let found = check(&spoilt).expect_err(&format!("spoil {at}, {rule} of {list}, passes"));
        assert_eq!((found.rule, found.list), (*rule, *list), "spoil {at}: {found}");
        assert!(!found.object.is_empty() && !found.why.is_empty());
    }
    let covered: BTreeSet<Rule> = all.iter().map(|(rule, ..)| *rule).collect();
    assert_eq!(covered, Rule::ALL.iter().copied().collect(), "every rule has a bundle that breaks it");
}

#[cfg_attr(not(feature = "planted"), test)]
fn violations_name_object_and_rule() {
    every_spoilt_bundle_is_refused();
    let mut spoilt = bundle();
    spoilt.materialization_proofs[0].passed = false;
    let found = check(&spoilt).unwrap_err().to_string();
    let wanted = format!(
        "operation_instances: `{PAY}` breaks proof_required: \
         it succeeded, and its canonical publication has no passed proof with its handle"
    );
    assert_eq!(found, wanted);
    assert!(PROOF.starts_with("materialization:"));
}

/// Anything else that a reader can do to the JSON never panics the check.
#[cfg_attr(not(feature = "planted"), test)]
fn strange_bundles_are_refused_or_pass() {
    let good: Value = serde_json::from_str(&bundle().to_json().unwrap()).unwrap();
    for list in Bundle::LISTS {
        let mut without = good.clone();
        without[list] = json!([]);
        drop(check(&Bundle::from_json(&without.to_string()).unwrap()));
        for field in good[list][0].as_object().unwrap().keys() {
            for value in [json!(null), json!(""), json!([]), json!(u64::MAX), json!("é:"), json!(["x"]), json!(true)] {
                let mut strange = good.clone();
                strange[list][0][field] = value;
                if let Ok(read) = Bundle::from_json(&strange.to_string()) {
                    drop(check(&read));
                }
            }
        }
    }
}
