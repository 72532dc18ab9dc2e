//! Every kind of semantic object, every value of every enumeration, every publication and every kind of audit record is made
//! by a real run; what no run makes is named with its reason. Exports and audits keep the invariants and the published
//! schemas. And every invariant has a test that attempts to break it.

#[path = "meaning/runs.rs"]
mod runs;

use motet_semantic::{
    AgreementLevel, AgreementRule, AuthoritativeReadKind, AuthoritativeReadLifecycle, CanonicalHandleKind,
    DelegationStatus, EvidenceKind, FinalizationOutcome, FinalizationReadClass, FinalizationStage, OperationPhase,
    OperationVisibility, OutstandingEffectStatus, PUBLICATIONS, PendingEffectTreatment, ProgressState,
    ProtocolMachineSemanticObjects, PublicationObserverClass, PublicationStatus, SemanticAuditKind, check,
};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where each enumeration stands: list, field, and the names of its values.
const WHERE: &[(&str, &str, &[&str])] = &[
    ("operation_instances", "phase", OperationPhase::NAMES),
    ("outstanding_effects", "status", OutstandingEffectStatus::NAMES),
    ("observed_reads", "status", OutstandingEffectStatus::NAMES),
    ("authoritative_reads", "kind", AuthoritativeReadKind::NAMES),
    ("authoritative_reads", "lifecycle", AuthoritativeReadLifecycle::NAMES),
    ("canonical_handles", "kind", CanonicalHandleKind::NAMES),
    ("publication_events", "publication", PUBLICATIONS),
    ("publication_events", "observer_class", PublicationObserverClass::NAMES),
    ("publication_events", "status", PublicationStatus::NAMES),
    ("progress_contracts", "state", ProgressState::NAMES),
    ("semantic_handoffs", "status", DelegationStatus::NAMES),
    ("transformation_obligations", "status", DelegationStatus::NAMES),
    ("agreement_profiles", "visibility", OperationVisibility::NAMES),
    ("agreement_profiles", "rule", AgreementRule::NAMES),
    ("agreement_profiles", "usable_at", AgreementLevel::NAMES),
    ("agreement_profiles", "finalized_at", AgreementLevel::NAMES),
    ("agreement_profiles", "required_evidence_kind", EvidenceKind::NAMES),
    ("agreement_contracts", "rule", AgreementRule::NAMES),
    ("agreement_evidence", "kind", EvidenceKind::NAMES),
    ("agreement_evidence", "level", AgreementLevel::NAMES),
    ("agreement_states", "level", AgreementLevel::NAMES),
    ("agreement_states", "finalization", FinalizationOutcome::NAMES),
    ("finalization_paths", "read_class", FinalizationReadClass::NAMES),
    ("finalization_paths", "stage", FinalizationStage::NAMES),
];

/// What no run makes, and why. What stands here and is made all the same fails the test.
const NEVER: &[(&str, &str, &str, &str)] = &[
    // `nothing_is_half_published` looks for these at every moment.
    ("finalization_paths", "read_class", "mixed", "an operation asks the host or is a checked output, and never both"),
    (
        "finalization_paths",
        "stage",
        "authoritative",
        "a checked output is read, proved and published in the step that makes it",
    ),
    ("finalization_paths", "stage", "materialized", "the same"),
];

/// The specification's invariants, and the test that attempts to break each: its file and function.
const ATTEMPTS: &[(&str, &str, &str)] = &[
    (
        "a success that needs a proof has a passed one with its handle",
        "semantic/tests/objects.rs",
        "every_spoilt_bundle_is_refused",
    ),
    ("a success that needs a proof has a passed one with its handle", "semantic/tests/rules.rs", "effect_oracle"),
    ("observed reads never become authority", "semantic/tests/objects.rs", "every_spoilt_bundle_is_refused"),
    ("observed reads never become authority", "semantic/tests/rules.rs", "finalization_oracle"),
    (
        "an operation has at most one canonical publication",
        "semantic/tests/objects.rs",
        "every_spoilt_bundle_is_refused",
    ),
    ("an operation has at most one canonical publication", "semantic/tests/live.rs", "every_rule_refuses"),
    ("a result that comes after invalidation is rejected", "semantic/tests/live.rs", "every_rule_refuses"),
    (
        "a result that comes after invalidation is rejected",
        "tests/src/checks/handing_over.rs",
        "what_is_pending_is_invalidated",
    ),
    (
        "a result that comes after invalidation is rejected",
        "tests/src/checks/handing_over.rs",
        "late_results_are_on_record",
    ),
    ("a committed handoff revokes before it activates", "semantic/tests/live.rs", "every_rule_refuses"),
    (
        "an effect that is pending at a handoff is settled once",
        "semantic/tests/objects.rs",
        "every_spoilt_bundle_is_refused",
    ),
    ("an effect that is pending at a handoff is settled once", "semantic/tests/rules.rs", "handoff_oracle"),
    ("terminal agreement states do not change", "semantic/tests/contracts.rs", "every_contract_refuses"),
    ("terminal agreement states do not change", "tests/src/checks/contracts.rs", "agreements_are_objects"),
    ("nothing is escalated before its part of the budget is over", "semantic/tests/live.rs", "every_rule_refuses"),
    (
        "nothing is escalated before its part of the budget is over",
        "tests/src/checks/deadlines.rs",
        "contracts_are_escalated",
    ),
    ("nothing is used before its contract lets it be", "semantic/tests/contracts.rs", "every_contract_refuses"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn validator(name: &str) -> jsonschema::Validator {
    let text = std::fs::read_to_string(root().join("docs/schema").join(name)).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

/// Runs of checked outputs that are exported behind every step: at none of these moments has one got only a part of its way, and
/// nothing rests on both kinds of reads.
#[test]
fn nothing_is_half_published() {
    let mut seen = BTreeMap::new();
    for (name, run) in runs::ALL {
        let told = run().unwrap_or_else(|why| panic!("{name}: {why}"));
        for path in told.objects.iter().flat_map(|objects| &objects.finalization_paths) {
            *seen.entry((path.stage, path.read_class)).or_insert(0_u64) += 1;
            let half = [FinalizationStage::Authoritative, FinalizationStage::Materialized].contains(&path.stage);
            assert!(!half && path.read_class != FinalizationReadClass::Mixed, "{name}: {path:?}");
        }
        if name.ends_with("one step in each turn") {
            let ended = |objects: &ProtocolMachineSemanticObjects| objects.materialization_proofs.len();
            let moments: Vec<usize> = told.objects.iter().map(ended).collect();
            assert!(moments.len() > 5 && moments[0] <= 1 && moments.is_sorted(), "{name}: {moments:?}");
            assert!(moments.windows(2).all(|pair| pair[1] <= pair[0] + 1), "one check in each step: {moments:?}");
        }
    }
    println!("{seen:?}");
}

/// Where each value was first seen: list, field and value to the run's name.
type Seen = BTreeMap<(String, String, String), &'static str>;

#[test]
fn every_value_is_made_by_a_run() {
    let (objects_are, audits_are) =
        (validator("protocol_machine.semantic_objects.v1.json"), validator("semantic_audit_record.json"));
    let (mut seen, mut kinds, mut exports, mut records) = (Seen::new(), BTreeMap::new(), 0, 0);
    for (name, run) in runs::ALL {
        let told = run().unwrap_or_else(|why| panic!("{name}: {why}"));
        for objects in &told.objects {
            check(objects).unwrap_or_else(|broken| panic!("{name}: {broken}"));
            let json = serde_json::to_value(objects).unwrap();
            let errors: Vec<String> = objects_are.iter_errors(&json).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{name}: {errors:?}");
            let again = ProtocolMachineSemanticObjects::from_json(&json.to_string());
            assert_eq!(again.as_ref(), Ok(objects), "{name}");
            look(&json, name, &mut seen);
            exports += 1;
        }
        for record in &told.audit {
            let json = serde_json::to_value(record).unwrap();
            assert!(audits_are.is_valid(&json), "{name}: {json}");
            kinds.entry(record.entry.kind()).or_insert(name);
            records += 1;
        }
    }
    let mut missing = Vec::new();
    for (list, field, names) in WHERE {
        for value in *names {
            let made = seen.get(&(String::from(*list), String::from(*field), String::from(*value)));
            let never = NEVER.iter().find(|one| (one.0, one.1, one.2) == (*list, *field, *value));
            match (made, never) {
                (Some(name), None) => println!("{list}.{field} {value}: {name}"),
                (None, Some((.., why))) => println!("{list}.{field} {value}: never, because {why}"),
                (None, None) => missing.push(format!("{list}.{field} {value} is made by no run")),
                (Some(name), Some(_)) => {
                    missing.push(format!("{list}.{field} {value} is made by {name}: strike it out"))
                }
            }
        }
    }
    for list in ProtocolMachineSemanticObjects::LISTS {
        if !seen.keys().any(|(found, ..)| found == list) {
            missing.push(format!("{list} is always empty"));
        }
    }
    for kind in SemanticAuditKind::ALL {
        match kinds.get(kind) {
            Some(name) => println!("audit {kind}: {name}"),
            None => missing.push(format!("no run has a record of {kind}")),
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert_eq!(PendingEffectTreatment::ALL.len(), 2, "another treatment needs a run");
    println!("{exports} exports and {records} audit records of {} runs keep schemas and invariants", runs::ALL.len());
}

/// Every text that stands in a field of an object.
fn look(json: &Json, name: &'static str, seen: &mut Seen) {
    for list in ProtocolMachineSemanticObjects::LISTS {
        for object in json[list].as_array().into_iter().flatten() {
            for (field, value) in object.as_object().into_iter().flatten() {
                let value = value.as_str().unwrap_or_default();
                seen.entry((String::from(*list), field.clone(), value.into())).or_insert(name);
            }
        }
    }
}

#[test]
fn every_invariant_is_attempted() {
    for (invariant, file, function) in ATTEMPTS {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&format!("fn {function}(")), "`{invariant}`: {file} has no {function}");
    }
    let page = std::fs::read_to_string(root().join("docs/semantic-objects.md")).unwrap();
    for (invariant, ..) in ATTEMPTS {
        assert!(page.contains(invariant), "docs/semantic-objects.md does not say: {invariant}");
    }
}
