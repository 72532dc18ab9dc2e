//! Floor 3: what drives. Schedules, the planner, executors, rounds, hosts, records and their replay.
//!
//! [`GuestRuntime`] is the cooperative runtime; everything it does between a plan and a commit is the same whoever
//! executes the wave.

mod admission;
mod asking;
#[cfg(any(feature = "loom", feature = "shuttle"))]
#[doc(hidden)]
pub mod checked;
mod compose;
mod composition;
mod contained;
mod contention;
mod deadlines;
mod durable;
mod envelope;
mod executor;
mod late;
mod memory;
mod observe;
mod owned;
mod planner;
mod pool;
mod profile;
mod prove;
mod record;
mod replay;
mod rounds;
mod schedule;
mod seeded;
mod snapshot;
mod staged;
mod status;
mod sync;
mod tape;
mod threads;
mod tier;
mod topology;
mod upgrade;
mod waves;

pub use admission::{
    AdmissibilityClass, AdmissionItem, AdmissionRefusal, AdmissionRequest, AttachmentPoint, DeterminismArtifacts,
    EscalationWindow, ExecutionProfile, FairnessAssumption, RequiredBy, Requirement, RuntimeAdmission,
    RuntimeCapability, RuntimeCapabilitySnapshot, RuntimeContracts, RuntimeGateResult, SEMANTIC_ATTACHMENT_POINTS,
    TransportContracts, admit,
};
pub use compose::{ComposedHost, CompositionError, EffectCompositionPolicy};
pub use composition::{
    BudgetPart, ComposedGuestRuntime, ComposedRuntime, Composition, CompositionCertificate, CompositionChange,
    CompositionTopology, DurableComposition, DurableCompositionError, LOCAL_MEMBER, LinkError, MemoryBudget, Placement,
    PlanError, ProtocolBundle, ReconfigurationPlan, ReconfigurationPolicy, ReconfigurationRefusal, ReconfigurationStep,
    TheoremPack, Transport,
};
pub use contention::{ContentionMetrics, LANE_SELECTIONS};
pub use durable::{
    CheckpointError, CutLogError, Durable, DurableError, DurableGuestRuntime, DurableOptions, DurableRecoveryPlan,
    EntryError, Intent, JOURNAL_VERSION, RecoverError, cut_log, log_record, replay_log,
};
pub use envelope::{
    ENVELOPE_DIFF_SCHEMA, EffectOrderingClass, EnvelopeDiff, EnvelopeError, FailureVisibleDiffClass,
    SchedulerPermutationClass, WaveWidthBound, envelope_diff,
};
pub use executor::{Executor, ExecutorMetrics, Inline, Observed, Seeded};
pub use owned::{OwnedSession, OwnershipDoor};
pub use pool::{AnswerDoor, Delivered, HostPool, PoolLimits, PoolMetrics, Task, TaskBody};
pub use profile::{
    Aspect, DeterminismMode, EventWords, NormalForm, Observation, ProfileDifference, RunView, SessionImages,
    TraceEntry, compare_runs, normal_form,
};
pub use record::{RECORD_MAGIC, RECORD_VERSION, RecordEnd, RecordError, RecordWriter, RunRecord};
pub use replay::{ReplayError, Replayed, replay};
pub use rounds::{GuestRuntime, Runtime, ThreadedGuestRuntime};
pub use schedule::{PriorityPolicy, Schedule, ScheduleError, SchedulerPolicy};
pub use seeded::{ChoiceError, SeededHost};
pub use snapshot::{CHECKPOINT_MAGIC, CHECKPOINT_VERSION, ResumeError, RuntimeSnapshot};
pub use staged::{RuntimeUpgradeError, RuntimeUpgradeExecution, RuntimeUpgradeRequest};
pub use status::{RunStatus, RuntimeError, Turn};
pub use tape::{Input, Tape, TapeError, read_inputs};
pub use threads::{Threads, WorkersError};

pub use tier::{EffectDeterminismTier, ObservedTier, observed_tier};
pub use upgrade::StagedUpgrade;
pub use waves::{WaveError, WaveSummary, verify_waves};

pub use motet_log as log;
pub use motet_machine as machine;
pub use motet_semantic as semantic;
