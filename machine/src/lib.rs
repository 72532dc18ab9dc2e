//! Floor 2: what decides. Image verification, sessions, the one step function, certified waves and their commit.
//!
//! No clock, file, thread or environment can be named here; the host's behaviour comes in through
//! [`EffectHandler`] and nowhere else.
#![no_std]

extern crate alloc;

mod acquire;
mod answer;
mod artifacts;
mod auth;
mod burst;
mod certify;
mod checked;
mod comm;
mod commit;
mod condition;
mod config;
mod control;
mod credits;
mod deadlines;
mod dynamic;
mod edge;
mod effect;
mod ext;
mod flow;
mod frame;
mod growth;
mod guest;
mod heap_proof;
mod host;
mod image;
mod images;
mod knowledge;
mod layout;
mod machine;
mod memory;
mod op;
mod outbox;
mod outcome;
mod ownership;
mod park;
mod preset;
mod proof;
mod reply;
mod resources;
mod responsibility;
mod restore;
mod root;
mod seal;
mod semantics;
mod session;
mod snapshot;
mod spawn;
mod speculation;
mod state;
mod step;
mod summary;
mod tape;
mod topology;
mod trace;
mod transfer;
mod upgrade;
mod verify;
mod wave;

pub use answer::AnswerError;
pub use auth::history::{AuthProof, AuthTree, Frontier};
pub use auth::identity::{
    CommunicationIdentity, CommunicationReplayMode, ConsumptionArtifact, IDENTITY_DOMAIN, StepKind, consumption_root,
};
pub use auth::keys::{Authentication, KeysError, SigningKeys};
pub use auth::ledger::Ledger;
pub use auth::signed::{Signature, SignedValue, Statement, payload_digest};
#[doc(hidden)]
pub use auth::tamper::Tamper;
pub use auth::watch::{EdgeHistory, HistoryError};
pub use commit::CommitReport;
pub use condition::{
    MAX_PREDICATE_BYTES, OBSERVABLE_OUTPUT, OutputCheck, OutputConditionHint, OutputConditionPolicy, read_output_check,
};
pub use config::{ConfigError, GuardLayer, ProtocolMachineConfig};
pub use deadlines::AdvanceRefusal;
pub use edge::{BackpressurePolicy, BufferConfig, BufferMode};
pub use effect::{
    Asked, EffectCoordinate, EffectHandler, EffectId, EffectRequest, EffectRequestBody, Labels, NoHost, Registers,
    RunId,
};
pub use ext::{Payload, ValueRef};
pub use flow::{FlowPolicy, FlowPredicate, HostPredicate, KnowledgeFact};
pub use heap_proof::ResourceProof;
pub use image::CodeImage;
pub use machine::{ImageId, LaneSelection, OpenError, ProtocolMachine, Tally};
pub use memory::{ProtocolMachineMemoryUsage, ProtocolMachineRetainedBytes};
pub use outbox::{Ask, FaultReport, Wanted};
pub use outcome::{EffectFailure, EffectOutcome, EffectResponse, SendDecision};
pub use ownership::{
    AuditTrail, HostBindings, MAX_OPERATION_BYTES, OwnershipMoment, OwnershipOperation, OwnershipOutcome,
    OwnershipRefusal, SessionHostMutation, SessionOwnership,
};
pub use park::ParkError;
pub use preset::Preset;
pub use proof::{ProofError, ProveError, SessionProof};
pub use reply::{Aside, Reply, Respondent};
pub use responsibility::EffectResponsibilityDomain;
pub use restore::RestoreError;
pub use seal::{SealError, seal, unseal};
pub use semantics::SemanticsError;
pub use session::Gate;
pub use snapshot::{SNAPSHOT_MAGIC, SNAPSHOT_VERSION, Snapshot, SnapshotRefusal};
pub use state::decode::{
    ChildState, CoroutineState, EdgeState, GrowthState, GuestState, InFlight, KnowledgeState, LevelState, ReceiptState,
    RoleState, SessionState, SpeculationState, Standing, StateError, StatePlace,
};
pub use summary::ClosedSessionSummary;
pub use tape::RecordedEffect;
pub use topology::{
    Cancellation, CorruptionType, MAX_PERTURBATION_BYTES, Topology, TopologyOutcome, TopologyPerturbation,
    TopologyRefusal,
};
pub use trace::{BurstEnd, BurstReader, BurstRecord, TraceError, TraceEvent, TraceMode, TraceReader};
pub use upgrade::{
    GivenUp, UpgradeDecision, UpgradeMode, UpgradeObstacle, UpgradeOptions, UpgradeOutcome, UpgradePlan, UpgradePlans,
    UpgradeRefusal,
};
pub use verify::VerifyError;
pub use wave::{
    Boundary, CertifiedWave, FinishedChunk, FinishedWave, IslandId, LostChunk, Pick, Refusal, Refused, WaveCertificate,
    WaveChunk, WaveFrame, WavePlan,
};
