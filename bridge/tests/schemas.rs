//! The published JSON Schemas: fresh, and true of what is exported and of what is refused.

use motet_semantic as semantic;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::path::PathBuf;

fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/schema").join(name)
}

/// The schema of a document, with its version as a constant where it has one.
fn schema<T: schemars::JsonSchema>(version: Option<&str>) -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    if let Some(version) = version {
        schema["properties"]["schema_version"] = json!({"const": version});
    }
    schema
}

fn published() -> Vec<(&'static str, Value)> {
    let mut all = vec![
        (
            "protocol_machine.semantic_objects.v1.json",
            schema::<semantic::ProtocolMachineSemanticObjects>(Some(semantic::SEMANTIC_OBJECTS_SCHEMA_VERSION)),
        ),
        (
            "telltale.machine.durability.v1.json",
            schema::<semantic::PersistedDurabilityArtifact>(Some(semantic::DURABILITY_SCHEMA_VERSION)),
        ),
        ("wal_sync_request.json", schema::<semantic::WalSyncRequest>(None)),
        ("wal_sync_mode.json", schema::<semantic::WalSyncMode>(None)),
        ("durable_recovery_decision.json", schema::<semantic::DurableRecoveryDecision>(None)),
        ("durable_property_report.json", schema::<semantic::DurablePropertyReport>(None)),
        ("authority_audit_record.json", schema::<semantic::AuthorityAuditRecord>(None)),
        ("semantic_audit_record.json", schema::<semantic::SemanticAuditRecord>(None)),
        ("delegation_receipt.json", schema::<semantic::DelegationReceipt>(None)),
    ];
    all.extend(documents::all().into_iter().map(|document| (document.file, document.schema)));
    all
}

/// `UPDATE_EXPECT=1` writes them anew.
#[test]
fn published_schemas_are_fresh() {
    for (name, schema) in published() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::create_dir_all(place("")).unwrap();
            std::fs::write(place(name), &text).unwrap();
        }
        assert!(std::fs::read_to_string(place(name)).is_ok_and(|found| found == text), "docs/schema/{name} is stale");
    }
}

fn validator(name: &str) -> jsonschema::Validator {
    let text = std::fs::read_to_string(place(name)).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[path = "../../semantic/tests/common/example.rs"]
mod example;

mod documents;

/// Every way to spoil one node: a key too many, a key less, something strange in its place.
fn spoilt(node: &Value, out: &mut dyn FnMut(Value)) {
    let strange =
        [json!(null), json!("strange"), json!(-1), json!(1.5), json!([]), json!(["x"]), json!({}), json!(true)];
    strange.into_iter().for_each(&mut *out);
    match node {
        Value::Object(fields) => {
            let mut surplus = node.clone();
            surplus["surplus"] = json!(1);
            out(surplus);
            out(fields.values().cloned().collect());
            for (key, part) in fields {
                let mut less = node.clone();
                less.as_object_mut().unwrap().remove(key);
                out(less);
                spoilt(part, &mut |changed| {
                    let mut other = node.clone();
                    other[key] = changed;
                    out(other);
                });
            }
        }
        Value::Array(items) => {
            for (at, part) in items.iter().enumerate() {
                spoilt(part, &mut |changed| {
                    let mut other = node.clone();
                    other[at] = changed;
                    out(other);
                });
            }
        }
        _ => {}
    }
}

/// What runners exchange: every document goes there and back, and the schema and the reader agree on it and on every way
/// to spoil it.
#[test]
fn the_documents_of_runners_are_strict() {
    let (mut looked, mut refused) = (0, 0);
    for document in documents::all() {
        let validator = validator(document.file);
        let good = &document.example;
        let errors: Vec<String> = validator.iter_errors(good).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", document.file);
        assert_eq!((document.read)(&good.to_string()).as_ref(), Ok(good), "{}", document.file);
        spoilt(good, &mut |other| {
            let read = (document.read)(&other.to_string());
            assert_eq!(validator.is_valid(&other), read.is_ok(), "{}: {other}\n{read:?}", document.file);
            // Nothing is lost that was taken.
            if let Ok(again) = read {
                assert_eq!((document.read)(&again.to_string()).as_ref(), Ok(&again), "{}", document.file);
            }
            looked += 1;
            refused += u32::from(!validator.is_valid(&other));
        });
    }
    println!("{looked} documents, {refused} refused by both");
    assert!(refused > 1000);
}

/// The schema and the reader agree: on a bundle with every kind of object, and on every way to spoil its shape.
#[test]
fn exports_are_valid_and_strangers_are_not() {
    let validator = validator("protocol_machine.semantic_objects.v1.json");
    let good = serde_json::to_value(example::bundle()).unwrap();
    let errors: Vec<String> = validator.iter_errors(&good).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let (mut looked, mut refused) = (0, 0);
    let mut agree = |document: &Value| {
        let read = semantic::ProtocolMachineSemanticObjects::from_json(&document.to_string());
        assert_eq!(validator.is_valid(document), read.is_ok(), "{document}");
        looked += 1;
        refused += u32::from(read.is_err());
    };
    for list in semantic::ProtocolMachineSemanticObjects::LISTS {
        let mut surplus = good.clone();
        surplus[list][0]["surplus"] = json!(1);
        agree(&surplus);
        for field in good[list][0].as_object().unwrap().keys() {
            let mut less = good.clone();
            less[list][0].as_object_mut().unwrap().remove(field);
            agree(&less);
            for value in [json!(null), json!("strange"), json!(-1), json!(["x"]), json!([1]), json!(true), json!({})] {
                let mut strange = good.clone();
                strange[list][0][field] = value;
                agree(&strange);
            }
        }
    }
    for version in [json!("protocol_machine.semantic_objects.v2"), json!(null)] {
        let mut other = good.clone();
        other["schema_version"] = version;
        agree(&other);
    }
    println!("{looked} documents, {refused} refused by both");
    assert!(refused > 100);
}

/// What a run exports is valid, too: its replay fragment, and the artifacts of an upgrade.
#[test]
fn exports_of_runs_are_valid() {
    let source = "protocol P =\n  roles A, B\n  A -> B : Ask(nat)\n  B -> A : Answer(nat)\n";
    let source = motet_choreo::Source::from_text("p.tell", source).unwrap();
    let parts = motet_choreo::compile(&motet_choreo::load(&source).unwrap()).unwrap();
    let config = motet_machine::ProtocolMachineConfig {
        record: true,
        semantic_objects: Some(100),
        communication_replay_mode: motet_machine::CommunicationReplayMode::Sequence,
        max_consumptions: 100,
        ..motet_machine::ProtocolMachineConfig::default()
    };
    let mut runtime = motet_runtime::GuestRuntime::new(config, motet_runtime::Schedule::default()).unwrap();
    let image = runtime.load(motet_machine::CodeImage::verify(parts).unwrap()).unwrap();
    let session = runtime.open(image).unwrap();
    let scope = semantic::OwnershipScope::Session;
    let claim = motet_machine::OwnershipOperation::Claim { owner_id: "host".into(), scope };
    assert!(runtime.own(session, claim).unwrap().issued.is_some());
    runtime.run(&motet_bridge::PlainHost).unwrap();
    let record = motet_runtime::RunRecord::of(&runtime).unwrap();
    let fragment = motet_bridge::CanonicalReplayFragment::of(&record, &runtime).unwrap();
    assert!(!fragment.communication_consumption_artifacts.is_empty() && !fragment.semantic_audit_log.is_empty());
    let valid = |name: &str, document: &Value| {
        let errors: Vec<String> = validator(name).iter_errors(document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    };
    valid("machine.serialization.v1.json", &serde_json::to_value(fragment).unwrap());
    let model = motet_bridge::parity::capability_model().unwrap();
    valid("runtime_upgrade_artifact.json", &model.upgrade_artifacts.committed_cutover);
    valid("runtime_upgrade_artifact.json", &model.upgrade_artifacts.rolled_back);
}

#[test]
fn durability_artifacts_are_valid() {
    let validator = validator("telltale.machine.durability.v1.json");
    let entry = semantic::AgreementWalEntry::VisibilityGateCrossing {
        operation_id: "effect:e1".into(),
        downstream_coroutine_id: semantic::ids::coroutine(0),
        gate_level: semantic::AgreementLevel::None,
        tick: 1,
    };
    let payload = semantic::DurabilityPayload::AgreementWal { entries: vec![entry] };
    let good = serde_json::to_value(semantic::PersistedDurabilityArtifact::new(payload)).unwrap();
    assert!(validator.is_valid(&good), "{good}");
    let mut surplus = good.clone();
    surplus["payload"]["entries"][0]["surplus"] = json!(1);
    assert!(!validator.is_valid(&surplus));
    let mut other = good.clone();
    other["schema_version"] = json!("telltale.machine.durability.v2");
    assert!(!validator.is_valid(&other));
    for (name, _) in published() {
        let text = std::fs::read_to_string(place(name)).unwrap();
        assert!(jsonschema::meta::is_valid(&serde_json::from_str(&text).unwrap()), "{name}");
    }
}
