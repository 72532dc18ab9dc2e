//! The edges of the house: values, effects and events as JSON, hosts in other processes, and other implementations in
//! other processes to be compared with.
//!
//! Nothing below imports this crate. Names stand where the machine has numbers: a reader of this JSON needs no image.

mod authority_document;
mod coherence;
mod comparison;
mod document;
mod effect_json;
mod envelope_json;
mod equivalence;
mod event_json;
mod exec_host;
mod fragment;
mod fragment_of;
mod heap_document;
mod heap_json;
mod here;
mod host_error;
mod host_process;
pub mod invariants;
mod lean_document;
mod lean_error;
mod local_reader;
mod normal_form;
mod operation;
mod outcome_json;
pub mod parity;
mod piped;
mod program_json;
mod run_document;
#[cfg(feature = "runner")]
pub mod runner;
mod schema;
mod step_state;
mod trace_validator;
mod turns_json;
mod validator;
mod value_json;

pub use authority_document::{AuthorityEntry, AuthorityResult, ScriptedAuthority, ownership_json};
pub use coherence::CoherenceBundle;
pub use comparison::{ComparisonResult, FirstDifference, ProtocolMachineReplayBundle, compare_execution};
pub use document::{DocumentError, MAX_DOCUMENT_DEPTH, read_document};
pub use effect_json::{OutcomeError, outcome_from_json, request_json};
pub use envelope_json::envelope_json;
pub use equivalence::{EquivalenceChecker, EquivalenceError, EquivalenceReport, GoldenBundle};
pub use event_json::event_json;
pub use exec_host::{DEFAULT_DEADLINE, ExecHost, ExecOptions};
pub use fragment::{
    CanonicalReplayFragment, CommunicationConsumptionArtifact, CommunicationIdentityDocument, EffectTraceEntry,
};
pub use fragment_of::FragmentError;
pub use heap_document::{HeapAccount, HeapParityOutput, HeapProofStep, HeapQuestion, HeapRefusal, HeapReplay};
pub use heap_json::{OperationsError, operations_from_json};
pub use here::{HereError, PlainHost, global_from_json, run_here, with_programs};
pub use host_error::{HostError, HostErrorKind};
pub use host_process::MAX_HOST_LINE;
pub use lean_document::{LeanFragment, LeanLog, LeanProgram, LeanProjection, LeanProjections, LeanStatus, LeanVerdict};
pub use lean_error::{LeanStructuredError, RefusalReply};
pub use local_reader::{LocalType, LocalTypeError};
pub use motet_semantic::{
    LEAN_BRIDGE_SCHEMA_VERSION, PROTOCOL_BUNDLE_SCHEMA_VERSION, SEMANTIC_OBJECTS_SCHEMA_VERSION, SchemaError,
    ensure_supported_schema_version,
};
pub use normal_form::{
    audit_of, event_session, normalize_semantic_audit, observationally_equivalent, semantic_audits_equivalent,
};
pub use operation::{
    CapabilityModel, FinalizationPaths, NoPayload, Operation, OperationEnvelope, ProjectPayload, ProjectReply,
    ReconfigurationPolicy, ReconfigurationTransition, SimRunInput, SimRunOutput, SimTracePayload, UpgradeArtifacts,
    ValidateTracePayload, ValidationReply,
};
pub use outcome_json::outcome_json;
pub use program_json::{
    ProgramError, carried_value_json, image_programs, image_roles, machine_input, sort_json, wants_input,
};
pub use run_document::{
    BufferState, ChoreographyInput, CoroutineState, EffectExchange, FinalState, HostInput, MachineInput, PlanInput,
    ProgramInput, ProtocolMachineRunInput, ProtocolMachineRunOutput, ProtocolMachineSessionStatus,
    ProtocolMachineStepState, ProtocolMachineTraceEvent, RunStatus, ScriptedAnswer, ScriptedPerturbation,
};
pub use schema::{
    BridgeVersion, BundleVersion, HEAP_PARITY_SCHEMA_VERSION, HOST_SCHEMA_VERSION, HeapParityVersion,
    SERIALIZATION_SCHEMA_VERSION, SerializationVersion,
};
pub use step_state::{gate_name, run_by_steps, session_state_json};
pub use trace_validator::validate_trace;
pub use turns_json::{TurnCase, TurnsError, cut_point_json, turns_from_json};
pub use validator::{ProjectionDifference, RoundTrip, Validator, ValidatorError, projections};
pub use value_json::{ValueError, value_from_json, value_json};
