//! Every question of every client, asked of a runner that keeps to the form.
#![cfg(all(unix, feature = "runner"))]

use motet_bridge::invariants::ProtocolBundle;
use motet_bridge::runner::{HeapParityRunner, LeanRunner, ProtocolMachineRunner, RunnerErrorKind};
use motet_bridge::{
    LeanProgram, LeanStatus, ProjectPayload, ProtocolMachineRunInput, ReconfigurationPolicy, ReconfigurationTransition,
    RunStatus, SimRunInput, SimTracePayload, ValidateTracePayload,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct Plugged {
    folder: tempfile::TempDir,
}

impl Plugged {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugged_runner.sh");
        for name in ["protocol_machine_runner", "heap_parity_runner", "telltale_validator", "forgets"] {
            std::os::unix::fs::symlink(&script, folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn a_machine_answers_every_operation() {
    let plugged = Plugged::new();
    let runner = || ProtocolMachineRunner::at(&plugged.path("protocol_machine_runner")).unwrap();
    let simulation = SimRunInput {
        schema_version: Default::default(),
        scenario: json!({}),
        global_type: json!({"kind": "end"}),
        local_types: BTreeMap::new(),
        initial_states: BTreeMap::new(),
    };
    for mut runner in [runner(), runner().kept()] {
        let run = runner.run(&ProtocolMachineRunInput::new(Vec::new(), 1, 10)).unwrap();
        assert_eq!(run.status, RunStatus::Stuck);
        let projected = runner.project(&ProjectPayload { global_type: json!({}), roles: Vec::new() }).unwrap();
        assert!(projected.local_types.contains_key("A"));
        let payload = ValidateTracePayload { choreographies: Vec::new(), trace: Vec::new() };
        assert!(runner.validate_trace(&payload).unwrap().valid);
        assert_eq!(runner.run_reference_simulation(&simulation).unwrap().artifacts, json!(1));
        let payload = SimTracePayload { input: simulation.clone(), trace: Vec::new() };
        assert!(runner.validate_simulation_trace(&payload).unwrap().valid);
        let bundle = ProtocolBundle::new(json!({"kind": "end"}), BTreeMap::new());
        assert!(runner.verify_invariants(&bundle).unwrap().valid);
        let transition = ReconfigurationTransition {
            artifact_id: "a".into(),
            policy: ReconfigurationPolicy { dynamic_membership: true, overlap_required: true },
            starting_epoch: 1,
            previous_members: vec!["A".into()],
            next_members: vec!["A".into(), "B".into()],
        };
        assert!(runner.validate_reconfiguration_transition(&transition).unwrap().valid);
        assert_eq!(runner.inspect_capability_model().unwrap().upgrade_artifacts.rolled_back, json!(4));
    }
}

#[test]
fn a_heap_answers_for_a_fixture() {
    let plugged = Plugged::new();
    let fixture = plugged.path("fixture.json");
    std::fs::write(&fixture, r#"{"kind":"message"}"#).unwrap();
    let output = HeapParityRunner::at(&plugged.path("heap_parity_runner")).unwrap().fixture(&fixture).unwrap();
    assert_eq!(output.resource_fixture, json!({"kind": "message"}));
    assert!(output.replay.stable);
}

#[test]
fn a_validator_is_asked_in_files() {
    let plugged = Plugged::new();
    let lean = LeanRunner::at(&plugged.path("telltale_validator")).unwrap();
    let end = json!({"kind": "end"});
    let program = LeanProgram { role: "A".into(), local_type: end.clone() };
    let log = lean.validate(&json!("the first file"), &program).unwrap();
    assert_eq!((log.status, log.message.as_str()), (LeanStatus::Error, "the first file"));
    assert_eq!(lean.export_projection(&end, "A").unwrap().projection, Some(end.clone()));
    assert_eq!(lean.export_all_projections(&end).unwrap().projections.unwrap()["A"], end);
    assert_eq!(lean.check_async_subtype(&end, &end).unwrap().result, Some(true));
    assert_eq!(lean.check_orphan_free(&end).unwrap().result, Some(false));
    let fragment = lean.check_regular_practical_fragment(&end).unwrap();
    assert_eq!((fragment.success, fragment.error), (false, Some(end.clone())));
    // One that ends without having written.
    let error = LeanRunner::at(&plugged.path("forgets")).unwrap().check_orphan_free(&end).unwrap_err();
    assert!(matches!(error.kind, RunnerErrorKind::File { .. }), "{error}");
}
