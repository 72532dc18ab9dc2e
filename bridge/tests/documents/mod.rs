//! Every document that runners exchange: its schema, an example in which every field is there, and its reader.

use motet_bridge::invariants::ProtocolBundle;
use motet_bridge::{
    CanonicalReplayFragment, CapabilityModel, ComparisonResult, GoldenBundle, HEAP_PARITY_SCHEMA_VERSION, HeapAccount,
    HeapParityOutput, HeapQuestion, LEAN_BRIDGE_SCHEMA_VERSION, LeanFragment, LeanLog, LeanProgram, LeanProjection,
    LeanProjections, LeanVerdict, NoPayload, OperationEnvelope, PROTOCOL_BUNDLE_SCHEMA_VERSION, ProjectPayload,
    ProjectReply, ProtocolMachineReplayBundle, ProtocolMachineRunInput, ProtocolMachineRunOutput,
    ReconfigurationTransition, RefusalReply, SERIALIZATION_SCHEMA_VERSION, SimRunInput, SimRunOutput, SimTracePayload,
    ValidateTracePayload, ValidationReply, read_document,
};
use motet_semantic::RuntimeUpgradeArtifact;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// One document.
pub(crate) struct Document {
    /// Its schema's file in docs/schema.
    pub(crate) file: &'static str,
    /// Its schema.
    pub(crate) schema: Value,
    /// One with every field.
    pub(crate) example: Value,
    /// Reads it strictly and writes it again.
    pub(crate) read: fn(&str) -> Result<Value, String>,
}

trait Versioned: DeserializeOwned + Serialize + schemars::JsonSchema {
    const VERSION: Option<&'static str>;
}

fn read<T: Versioned + Send>(text: &str) -> Result<Value, String> {
    let document: T = read_document(text, T::VERSION).map_err(|error| error.to_string())?;
    serde_json::to_value(document).map_err(|error| error.to_string())
}

macro_rules! rows {
    ($($file:literal $type:ty, $version:expr, $example:expr;)*) => {
        $(impl Versioned for $type {
            const VERSION: Option<&'static str> = $version;
        })*

        /// All documents.
        pub(crate) fn all() -> Vec<Document> {
            vec![$(Document {
                file: $file,
                schema: super::schema::<$type>(None),
                example: $example,
                read: read::<$type>,
            },)*]
        }
    };
}

const BRIDGE: Option<&str> = Some(LEAN_BRIDGE_SCHEMA_VERSION);
const HEAP: Option<&str> = Some(HEAP_PARITY_SCHEMA_VERSION);
const V: &str = LEAN_BRIDGE_SCHEMA_VERSION;

fn choreography() -> Value {
    json!({
        "schema_version": V,
        "global_type": {"kind": "end"},
        "roles": ["A", "B"],
        "programs": [{"role": "A", "registers": 2, "code": [["Halt"]]}],
        "sessions": 3,
    })
}

fn input() -> Value {
    json!({
        "schema_version": V,
        "choreographies": [choreography()],
        "concurrency": 1,
        "max_steps": 100,
        "config": {"capacity": 2, "policy": "block", "latest": false, "max_payload": 64, "fold_jumps": true},
        "host": {"wants": ["choose"], "script": [{"operation_id": "0/0/0", "outcome": {"status": "blocked"}}]},
        "detail": true,
    })
}

fn event() -> Value {
    json!({
        "schema_version": V, "kind": "sent", "tick": 1, "session": 0, "sender": "A", "receiver": "B", "label": "L",
        "role": "A", "target": "B", "permitted": true, "epoch": 0, "ghost": 1, "from": 0, "to": 1, "predicate_ref": "p",
        "witness_ref": "w", "output_digest": "d", "passed": true, "reason": "r",
    })
}

fn output() -> Value {
    json!({
        "schema_version": V,
        "trace": [event()],
        "sessions": [{"schema_version": V, "sid": 0, "terminal": true}],
        "steps_executed": 3,
        "concurrency": 1,
        "status": "completed",
        "effect_exchanges": [{"operation_id": "0/0/0", "body": {"kind": "choose"}, "outcome": {"status": "blocked"}}],
        "effect_trace": [{"effect": "x"}],
        "output_condition_trace": [{"passed": true}],
        "step_states": [{
            "step_index": 0, "pre_state": {}, "post_state": {}, "selected_coro": 0, "selected_pc": 1,
            "selected_type": {"kind": "end"}, "exec_status": "ran", "session_type_counts": {"0": 2},
            "buffered_message_counts": {"0": 1}, "ready_queue": [0], "blocked": [{"recv_wait": 1}], "event": event(),
        }],
        "semantic_objects": motet_semantic::ProtocolMachineSemanticObjects::default(),
        "final_states": [{
            "sid": 0, "status": "active",
            "coroutines": [
                {"role": "A", "pc": 1, "status": "ready", "registers": [null, 1], "local_type": {"kind": "end"}},
            ],
            "buffers": [{"sender": "A", "receiver": "B", "messages": ["L"]}],
        }],
    })
}

fn fragment() -> Value {
    json!({
        "schema_version": SERIALIZATION_SCHEMA_VERSION,
        "obs_trace": [event()],
        "effect_trace": [{
            "effect_id": "e", "operation_id": "0/0/0", "effect_kind": "invoke_step", "effect_interface": "I",
            "effect_operation": "o", "inputs": {"role": "A"}, "outputs": {"status": "blocked"},
            "handler_identity": "h", "ordering_key": 3,
        }],
        "crashed_sites": ["A"],
        "partitioned_edges": [["A", "B"]],
        "corrupted_edges": [[["B", "A"], "bit_flip"]],
        "timed_out_sites": [["B", 7]],
        "effect_determinism_tier": "replay_deterministic",
        "communication_replay_mode": "sequence",
        "communication_replay_root": "00",
        "communication_consumption_artifacts": [{
            "tick": 1, "mode": "nullifier", "pre_root": "00", "post_root": "01", "identity": {
                "sid": 0, "sender": "A", "receiver": "B", "step_kind": "Offer", "label": "L", "payload_digest": "02",
                "sequence_no": 0,
            },
        }],
        "semantic_audit_log": [{"tick": 1, "entry": {"kind": "session_terminal", "session": 0, "reason": "closed"}}],
        "semantic_audit_lost": 0,
        "semantic_objects": motet_semantic::ProtocolMachineSemanticObjects::default(),
    })
}

fn upgrade_artifact() -> Value {
    json!({
        "upgrade_id": "u", "artifact_id": "a", "phase": "failed", "tick": 1, "previous_members": ["b"],
        "next_members": ["a"], "compatibility": {
            "execution_constraint": "preserve_bundle_profile", "ownership_continuity_required": true,
            "pending_effect_treatment": "preserve_pending", "canonical_publication_continuity": "preserve",
        },
        "sessions": [{"session": 0, "decision": "waits", "reason": "r"}], "moved": 0,
        "carried_publication_ids": ["p"], "invalidated_publication_ids": ["q"],
        "reissued_publications": [{"publication_id": "p", "artifact_id": "a", "digest": "d"}],
        "carried_obligation_ids": ["e"], "invalidated_obligation_ids": ["f"], "staged_state_root": "00",
        "state_root": "00", "reason": "r",
    })
}

fn error() -> Value {
    json!({"code": "c", "path": "p", "message": "m"})
}

fn sim_input() -> Value {
    json!({
        "schema_version": V, "scenario": {"name": "s"}, "global_type": {"kind": "end"},
        "local_types": {"A": {"kind": "end"}}, "initial_states": {"A": {}},
    })
}

fn comparison() -> Value {
    json!({
        "equivalent": false, "semantic_audit_equivalent": false, "session_statuses_equivalent": true,
        "semantic_handoffs_equivalent": true, "invalidation_artifacts_equivalent": true,
        "rust_semantic_audit": [event()], "lean_semantic_audit": [],
        "diff": {"kind": "length_mismatch", "rust": 1, "lean": 0}, "lean_output": output(),
    })
}

/// A bundle that claims everything.
fn bundle() -> Value {
    let on = || json!({"enabled": true});
    json!({
        "schema_version": PROTOCOL_BUNDLE_SCHEMA_VERSION,
        "global_type": {"kind": "end"},
        "local_types": {"A": {"kind": "end"}},
        "claims": {
            "schema_version": V,
            "liveness": {"scheduler": "cooperative", "fairness_k": 3, "progress_required": true},
            "distributed": {
                "fault_model": "crash",
                "flp": {"crash_bound": 1, "requires_determinism": true},
                "cap": {"consistency": "linearizable", "availability": "total", "partition_model": "none"},
                "quorum_geometry": {"quorum_system": "majority", "n": 5, "quorum_size": 3, "intersection_size": 1},
                "partial_synchrony": {"timing": "asynchronous", "delta_bound": 7},
                "responsiveness": {"leader_based": true, "requires_stable_period": false},
                "nakamoto": {"honest_fraction": 0.75, "finality_depth": 6},
                "reconfiguration": {"dynamic_membership": true, "overlap_required": true},
                "atomic_broadcast": {"total_order": true, "valid_delivery": true},
                "accountable_safety": on(), "failure_detectors": on(), "data_availability": on(), "coordination": on(),
                "crdt": on(), "byzantine_safety": on(), "consensus_envelope": on(), "failure_envelope": on(),
                "protocol_machine_envelope_adherence": on(), "protocol_machine_envelope_admission": on(),
                "protocol_envelope_bridge": on(),
            },
            "classical": {
                "foster": on(), "max_weight": {"enabled": true, "slack": 0.5}, "ldp": on(),
                "mean_field": {"enabled": true, "population_size": 9}, "heavy_traffic": on(),
                "mixing": {"enabled": true, "mixing_time_bound": 4}, "fluid": on(), "concentration": on(),
                "littles_law": on(), "functional_clt": on(), "spectral_gap": on(),
            },
        },
    })
}

rows! {
    "lean_bridge.v1.run_input.json" ProtocolMachineRunInput, BRIDGE, input();
    "lean_bridge.v1.run_output.json" ProtocolMachineRunOutput, BRIDGE, output();
    "lean_bridge.v1.operation.json" OperationEnvelope<Value>, BRIDGE,
        json!({"schema_version": V, "operation": "validateTrace", "payload": {"any": 1}});
    "lean_bridge.v1.inspect_capability_model.json" NoPayload, None, json!({});
    "lean_bridge.v1.capability_model.json" CapabilityModel, BRIDGE, json!({
        "schema_version": V,
        "finalization_paths": {"canonical": {}, "invalidated": {}},
        "upgrade_artifacts": {"committed_cutover": {}, "rolled_back": {}},
    });
    "lean_bridge.v1.project.json" ProjectPayload, None, json!({"global_type": {"kind": "end"}, "roles": ["A"]});
    "lean_bridge.v1.projected.json" ProjectReply, BRIDGE,
        json!({"schema_version": V, "local_types": {"A": {"kind": "end"}}});
    "lean_bridge.v1.validate_trace.json" ValidateTracePayload, None,
        json!({"choreographies": [choreography()], "trace": [event()]});
    "lean_bridge.v1.validation.json" ValidationReply, BRIDGE,
        json!({"schema_version": V, "valid": false, "errors": [error()], "artifacts": {"any": 1}});
    "lean_bridge.v1.simulation_input.json" SimRunInput, BRIDGE, sim_input();
    "lean_bridge.v1.simulation_output.json" SimRunOutput, BRIDGE,
        json!({"schema_version": V, "trace": [{}], "violations": [error()], "artifacts": [1]});
    "lean_bridge.v1.validate_simulation_trace.json" SimTracePayload, None,
        json!({"input": sim_input(), "trace": [{}]});
    "lean_bridge.v1.reconfiguration.json" ReconfigurationTransition, None, json!({
        "artifact_id": "a", "policy": {"dynamic_membership": true, "overlap_required": false}, "starting_epoch": 1,
        "previous_members": ["A"], "next_members": ["A", "B"],
    });
    "lean_bridge.v1.refusal.json" RefusalReply, BRIDGE, json!({"schema_version": V, "error": error()});
    "lean_bridge.v1.comparison.json" ComparisonResult, None, comparison();
    "lean_bridge.v1.replay_bundle.json" ProtocolMachineReplayBundle, BRIDGE, json!({
        "schema_version": V, "semantic_audit": [event()], "effect_trace": [{}], "output_condition_trace": [{}],
    });
    "lean_bridge.v1.golden_bundle.json" GoldenBundle, BRIDGE, json!({
        "schema_version": V, "name": "n", "global_type": {"kind": "end"}, "local_types": {"A": {"kind": "end"}},
    });
    "machine.serialization.v1.json" CanonicalReplayFragment, Some(SERIALIZATION_SCHEMA_VERSION), fragment();
    "runtime_upgrade_artifact.json" RuntimeUpgradeArtifact, None, upgrade_artifact();
    "protocol_bundle.v1.json" ProtocolBundle, Some(PROTOCOL_BUNDLE_SCHEMA_VERSION), bundle();
    "heap_parity.v1.json" HeapParityOutput, HEAP, json!({
        "schema_version": "heap_parity.v1", "heap_encoding_version": 1, "hasher": "blake3", "resource_fixture": {},
        "heap_fixture": {}, "replay": {
            "first_run": {}, "second_run": {}, "stable": true, "active_ids_match_fixture": true,
            "consumed_ids_match_fixture": true,
        },
    });
    "heap_parity.v1.operations.json" HeapQuestion, None, json!({"operations": [{"kind": "remove"}], "prove": 1});
    "heap_parity.v1.account.json" HeapAccount, HEAP, json!({
        "schema_version": "heap_parity.v1", "heap_encoding_version": 1, "hasher": "blake3",
        "active_resource_ids_hex": ["00"], "consumed_resource_ids_hex": ["01"], "allocated_resource_ids_hex": ["00"],
        "resource_root_hex": "02", "nullifier_root_hex": "03", "commitment_hash_hex": "04",
        "refused": {"operation": 1, "code": "not_found"}, "stable": true, "proof_leaf_hex": "05",
        "proof_root_hex": "06", "proof_path": [{"direction": "left", "sibling_hash_hex": "07"}],
        "proof_verifies": true,
    });
    "lean_validator.program.json" LeanProgram, None, json!({"role": "A", "local_type": {"kind": "end"}});
    "lean_validator.log.json" LeanLog, None, json!({"role": "A", "status": "ok", "message": "m"});
    "lean_validator.projection.json" LeanProjection, None,
        json!({"success": true, "role": "A", "projection": {"kind": "end"}, "error": "e"});
    "lean_validator.projections.json" LeanProjections, None,
        json!({"success": true, "projections": {"A": {"kind": "end"}}, "error": "e"});
    "lean_validator.verdict.json" LeanVerdict, None, json!({"success": true, "result": true, "error": "e"});
    "lean_validator.fragment.json" LeanFragment, None, json!({
        "success": true, "result": true, "reaches_communication": true, "well_formed": true,
        "full_unfold_head": "send", "reason": "r", "error": "e",
    });
}
