//! The transition systems of the specification, one file each, each one table.

mod agreement;
mod artifact;
mod effect;
mod finalization;
mod handoff;
mod ownership;
mod progress;
mod recovery;
mod speculation;
mod transition;

pub use agreement::{
    AGREEMENT, Agreement, AgreementEnd, AgreementError, AgreementEscalation, AgreementEvent, AgreementLevel,
    FinalizationOutcome,
};
pub use artifact::{
    ARTIFACT, Artifact, ArtifactError, ArtifactEvent, ArtifactPhase, AuthorityArtifactKind, AuthorityAuditEvent,
};
pub use effect::{EFFECT, EffectError, EffectEvent, EffectLife};
pub use finalization::{
    FINALIZATION, Finalization, FinalizationError, FinalizationEvent, FinalizationReadClass, FinalizationStage,
    StagesReached,
};
pub use handoff::{HANDOFF, Handoff, HandoffError, HandoffEvent, HandoffPhase};
pub use ownership::{OWNERSHIP, Ownership, OwnershipError, OwnershipEvent, OwnershipPhase};
pub use progress::{PROGRESS, PROGRESS_MEASURE, Progress, ProgressError, ProgressEvent, ProgressState};
pub use recovery::{DurableRecoveryAction, RECOVERY, Recovery, RecoveryError, RecoveryEvent, RecoveryVerdict};
pub use speculation::{SPECULATION, Speculation, SpeculationError, SpeculationEvent};
pub use transition::{TRANSITION, Transition, TransitionArtifactPhase, TransitionError, TransitionEvent};

use crate::table::Machine;

/// Every table, in the order of the documentation.
pub static MACHINES: [&Machine; 10] = [
    &OWNERSHIP,
    &ARTIFACT,
    &PROGRESS,
    &AGREEMENT,
    &FINALIZATION,
    &HANDOFF,
    &EFFECT,
    &RECOVERY,
    &SPECULATION,
    &TRANSITION,
];
