//! The shapes of `motet-machine` and `motet-runtime`: configuration, effects, network, ownership's operations, runs.

use super::{Present, fields, named, strict, variants};
use motet_machine::{Preset, ProtocolMachineConfig};
use motet_runtime::{DeterminismMode, EffectDeterminismTier, RuntimeCapability};
use serde_json::json;

pub(super) fn put(present: &mut Present) {
    strict! { present: motet_machine::ProtocolMachineConfig, motet_machine::BufferConfig, motet_machine::GuardLayer }
    strict! { present: motet_runtime::RuntimeContracts, motet_runtime::DeterminismArtifacts }
    named! { present:
        motet_machine::BufferMode, motet_machine::BackpressurePolicy, motet_machine::TraceMode,
        motet_machine::CommunicationReplayMode, motet_machine::FlowPolicy, motet_machine::OutputConditionPolicy,
    }
    present.put_values("machine::ProtocolMachineConfig default", &json!(ProtocolMachineConfig::default()));
    present.put("machine::Preset", Preset::ALL.map(Preset::name));
    present.put("runtime::EffectDeterminismTier", EffectDeterminismTier::ALL.map(EffectDeterminismTier::name));
    present.put("runtime::DeterminismMode", DeterminismMode::ALL.map(|mode| format!("{mode:?}")));
    present.put("runtime::RuntimeCapability", RuntimeCapability::ALL.iter().map(|one| one.name()));
    variants! { present:
        motet_runtime::RuntimeGateResult {
            Admitted, RejectedMissingContracts, RejectedUnsupportedDeterminismProfile, RejectedUncoveredRequirement,
        }
        motet_machine::FlowPredicate { TargetRolePrefix, FactContains, EndpointRoleMatchesTarget, All, Any }
        motet_machine::Gate {
            Open, Message, Room, GuestMessage, GuestRoom, Link, GuestLink, Answer, Guard, NextBurst, Halted, Crashed,
            Cancelled,
        }
        motet_machine::StepKind { Send, Receive, Offer, Choose }
        motet_machine::CorruptionType { BitFlip, Truncation, PayloadErase }
        motet_machine::TopologyPerturbation { Crash, Partition, Heal, Corrupt, Timeout }
        motet_machine::SessionHostMutation { SetDefaultHandler, UpdateEdgeHandler, UpdateTrace }
        motet_machine::EffectRequestBody {
            SendDecision, Receive, Choose, InvokeStep, Acquire, Release, OutputConditionHint,
        }
        motet_machine::EffectResponse {
            SendDecision, Receive, Choose, InvokeStep, Acquire, Release, OutputConditionHint,
        }
        motet_machine::EffectOutcome { Success, Blocked, Pending, Failure }
        motet_machine::SendDecision { Deliver, Replace, Drop, Defer }
        motet_runtime::RunStatus { Completed, Faulted, MaxSteps, Waiting, Stuck }
        motet_runtime::Turn { Ran, Idle }
        motet_runtime::Placement { Local, Remote, Colocated }
        motet_runtime::Transport { InProcess, SharedMemory, Network }
        motet_runtime::EffectCompositionPolicy { All, First, Threshold }
    }
    fields! { present:
        motet_runtime::ProtocolBundle { code, certificate, reconfiguration_policy }
        motet_runtime::CompositionCertificate { artifact_id, link_ok_full, theorem_pack, runtime_contracts }
        motet_machine::CoroutineState { pc, counter, state, standing, registers }
        motet_machine::SignedValue { statement, signature }
        motet_machine::Statement { run, image, session, edge, label, sequence, payload }
        motet_machine::AuthProof { index, count, siblings }
        motet_machine::CommunicationIdentity { sid, sender, receiver, step_kind, label, payload_digest, sequence_no }
        motet_machine::ConsumptionArtifact { tick, identity, mode, pre_root, post_root }
        motet_machine::EffectResponsibilityDomain { operation, session, role }
        motet_machine::OutputConditionHint { predicate, witness }
        motet_machine::RecordedEffect { coordinate, kind, subject, outcome }
        motet_runtime::DurableRecoveryPlan {
            found, checkpoint, checkpoint_waves, waves, steps, inputs, asked, reused, reasked, digests, state_root, metadata,
            decisions, wal_suffix, evidence_cache,
        }
    }
}
