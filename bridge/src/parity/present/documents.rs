//! The shapes of the bridge's own documents, of types as JSON, and the versions of all schemas.

use super::{Present, named, strict};
use crate::parity::gates::CapabilityClass;
use crate::parity::members::{tagged, variants};
use crate::{
    FirstDifference, HEAP_PARITY_SCHEMA_VERSION, LEAN_BRIDGE_SCHEMA_VERSION, NoPayload, PROTOCOL_BUNDLE_SCHEMA_VERSION,
    SEMANTIC_OBJECTS_SCHEMA_VERSION, SERIALIZATION_SCHEMA_VERSION,
};
use motet_semantic::DURABILITY_SCHEMA_VERSION;

/// The bridge as its own documents call it.
mod bridge {
    pub(super) use crate::invariants::ProtocolBundle;
    pub(super) use crate::{
        BufferState, CanonicalReplayFragment, CapabilityModel, ChoreographyInput, CoherenceBundle, ComparisonResult,
        CoroutineState, EffectExchange, EffectTraceEntry, FinalState, FinalizationPaths, GoldenBundle, HeapAccount,
        HeapParityOutput, HeapQuestion, HeapReplay, HostInput, LeanLog, LeanStatus, LeanStructuredError, MachineInput,
        Operation, OperationEnvelope, PlanInput, ProgramInput, ProjectPayload, ProjectReply,
        ProtocolMachineReplayBundle, ProtocolMachineRunInput, ProtocolMachineRunOutput, ProtocolMachineSessionStatus,
        ProtocolMachineStepState, ProtocolMachineTraceEvent, ReconfigurationPolicy, ReconfigurationTransition,
        RunStatus, SimRunInput, SimRunOutput, SimTracePayload, UpgradeArtifacts, ValidateTracePayload, ValidationReply,
    };
}

pub(super) fn put(present: &mut Present) {
    strict! { present:
        bridge::ProtocolMachineRunInput, bridge::ChoreographyInput, bridge::ProgramInput, bridge::PlanInput, bridge::MachineInput,
        bridge::HostInput, bridge::ProtocolMachineRunOutput, bridge::ProtocolMachineSessionStatus,
        bridge::ProtocolMachineTraceEvent, bridge::EffectExchange, bridge::ProtocolMachineStepState, bridge::FinalState,
        bridge::CoroutineState, bridge::BufferState, bridge::ValidateTracePayload, bridge::ValidationReply,
        bridge::SimRunInput, bridge::SimRunOutput, bridge::SimTracePayload, bridge::ReconfigurationTransition,
        bridge::ReconfigurationPolicy, bridge::CapabilityModel, bridge::FinalizationPaths, bridge::UpgradeArtifacts,
        bridge::CoherenceBundle, bridge::ProjectPayload, bridge::ProjectReply, bridge::LeanStructuredError, bridge::LeanLog,
        bridge::ComparisonResult, bridge::ProtocolMachineReplayBundle, bridge::GoldenBundle, bridge::HeapParityOutput,
        bridge::HeapReplay, bridge::HeapQuestion, bridge::HeapAccount, bridge::ProtocolBundle,
        bridge::OperationEnvelope<NoPayload>, bridge::CanonicalReplayFragment, bridge::EffectTraceEntry,
    }
    named! { present: bridge::Operation, bridge::RunStatus, bridge::LeanStatus }
    present.put("parity::CapabilityClass", variants::<CapabilityClass>());
    present.put("bridge::FirstDifference", tagged::<FirstDifference>("kind"));
    present.put(
        "schema versions",
        [
            LEAN_BRIDGE_SCHEMA_VERSION,
            PROTOCOL_BUNDLE_SCHEMA_VERSION,
            SEMANTIC_OBJECTS_SCHEMA_VERSION,
            DURABILITY_SCHEMA_VERSION,
            HEAP_PARITY_SCHEMA_VERSION,
            SERIALIZATION_SCHEMA_VERSION,
        ],
    );
}
