//! What a runtime says: how a turn went, how a run stands, and why something could not be done.

use crate::admission::AdmissionRefusal;
use crate::composition::PlanError;
use crate::schedule::ScheduleError;
use crate::threads::WorkersError;
use motet_machine::{
    AdvanceRefusal, AnswerError, ConfigError, EffectId, LostChunk, OpenError, OwnershipRefusal, TopologyRefusal,
    UpgradeRefusal,
};
use motet_semantic::OwnershipError;
use motet_types::{LayerId, SessionId, Tick};

/// Why a runtime could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The schedule makes no sense.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The host's contracts do not cover what was asked for.
    #[error(transparent)]
    Admission(#[from] Box<AdmissionRefusal>),
    /// An image or a session was refused.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// An answer was refused.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// An operation on a session's ownership was refused.
    #[error(transparent)]
    Ownership(#[from] OwnershipRefusal),
    /// What happened to sites and links was not taken.
    #[error(transparent)]
    Topology(#[from] TopologyRefusal),
    /// Time cannot pass.
    #[error(transparent)]
    Advance(#[from] AdvanceRefusal),
    /// Sessions were not moved to another image.
    #[error(transparent)]
    Upgrade(Box<UpgradeRefusal>),
    /// A recorded plan was refused, or a recorded change of a composition.
    #[error(transparent)]
    Plan(Box<PlanError>),
    /// More sessions than one input of a run can name.
    #[error("no more than {limit} sessions move at once; move them in parts")]
    TooManyAtOnce {
        /// How many may.
        limit: u64,
    },
    /// A recorded upgrade came at another time.
    #[error("sessions were moved to another image at {}; the run is at {}", .recorded.0, .found.0)]
    UpgradeDiffers {
        /// The tick on record.
        recorded: Tick,
        /// The tick now.
        found: Tick,
    },
    /// A recorded operation on a session's ownership came out differently.
    #[error("{session}: {}, where the record has: {}", came_out(.found), came_out(.recorded))]
    OwnershipDiffers {
        /// The session.
        session: SessionId,
        /// The refusal on record; none where the operation was taken.
        recorded: Option<OwnershipError>,
        /// The refusal now.
        found: Option<OwnershipError>,
    },
    /// An answer to an effect that the host never took on, or has answered.
    #[error("no effect {} waits for the host's answer", .0.0)]
    UnknownEffect(EffectId),
    /// A result of an effect that was invalidated. Where semantic objects are kept it is on record as rejected.
    #[error("effect {} was invalidated; a result that comes later is rejected", .0.0)]
    LateResult(EffectId),
    /// A role has to choose, and the host does not want to be asked.
    #[error(
        "{role} has to choose between labels, and the host does not answer `choose`; let its handler want `Choose`"
    )]
    NobodyChooses {
        /// The role.
        role: String,
    },
    /// The image invokes a host effect that has no answer of the machine's own, and the host does not want it.
    #[error("the protocol invokes {effect}, and the host does not answer it; let its handler want `InvokeStep`")]
    NobodyAnswers {
        /// Interface and operation.
        effect: String,
    },
    /// A role acquires a guard, and the host does not want to be asked.
    #[error("the protocol acquires the guard {layer}, and the host grants none; let its handler want `Acquire`")]
    NobodyGuards {
        /// The guard's layer.
        layer: LayerId,
    },
    /// Another handler than the one the run began with.
    #[error("the run began with the handler `{began}` and cannot go on with `{now}`")]
    HandlerChanged {
        /// The first one.
        began: String,
        /// The other one.
        now: String,
    },
    /// The handler wants other kinds of effects than when the run began.
    #[error("the handler `{handler}` wants other kinds of effects than when the run began; that must not change")]
    WantsChanged {
        /// The handler.
        handler: String,
    },
    /// That many workers cannot be had.
    #[error(transparent)]
    Workers(#[from] WorkersError),
    /// An executor lost part of a wave. The runtime cannot go on: the sessions in it are gone.
    #[error("the runtime is poisoned: {0}")]
    Poisoned(#[from] LostChunk),
}

/// What became of an operation, in words.
fn came_out(refused: &Option<OwnershipError>) -> String {
    refused.map_or_else(|| "the operation is taken".into(), |error| error.to_string())
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// Every session has ended, none by a fault.
    Completed,
    /// Every session has ended, at least one by a fault.
    Faulted,
    /// The step limit was reached.
    MaxSteps,
    /// Nothing can go on before the host has answered a pending effect.
    Waiting,
    /// Nothing can go on, and nothing is expected from the host.
    Stuck,
}

impl RunStatus {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            RunStatus::Completed => "completed",
            RunStatus::Faulted => "faulted",
            RunStatus::MaxSteps => "max_steps",
            RunStatus::Waiting => "waiting",
            RunStatus::Stuck => "stuck",
        }
    }
}

/// What a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Waves of that many steps in all were committed.
    Ran(u64),
    /// Nothing was ready, or the limit allows no step.
    Idle,
}
