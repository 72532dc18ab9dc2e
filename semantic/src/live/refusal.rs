//! Why something that happened breaks the rules of live objects.

use super::key::{EffectKey, HandoffKey};
use crate::rules::{ArtifactError, EffectError, FinalizationError, HandoffError, ProgressError};

/// A rule that an occurrence breaks. The objects are as they were, except that a late result is on record as rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveViolation {
    /// The tick lies before the last one.
    #[error("tick {tick} lies before tick {last}, at which something happened already")]
    TickGoesBack {
        /// What it says.
        tick: u64,
        /// The last one.
        last: u64,
    },
    /// The session is there already.
    #[error("session {0} was opened before")]
    SessionTwice(u64),
    /// The session is not there, or has ended.
    #[error("session {0} was never opened, or has ended")]
    NoSession(u64),
    /// The effect was asked for before.
    #[error("effect {0:?} was asked for before")]
    EffectTwice(EffectKey),
    /// The effect was never asked for, or has retired.
    #[error("effect {0:?} was never asked for, or ended so long ago that it has retired")]
    NoEffect(EffectKey),
    /// The life of an effect does not permit it.
    #[error("effect {effect:?}: {error}")]
    Effect {
        /// Which effect.
        effect: EffectKey,
        /// The rule.
        error: EffectError,
    },
    /// The progress of an effect does not permit it.
    #[error("effect {effect:?}: {error}")]
    Progress {
        /// Which effect.
        effect: EffectKey,
        /// The rule.
        error: ProgressError,
    },
    /// The operation cannot be finalised like that.
    #[error("the operation of effect {effect:?}: {error}")]
    Finalization {
        /// Which effect.
        effect: EffectKey,
        /// The rule.
        error: FinalizationError,
    },
    /// An output cannot be published like that.
    #[error("the output {digest} under `{predicate}`: {error}")]
    Output {
        /// The condition.
        predicate: alloc::string::String,
        /// The output.
        digest: alloc::string::String,
        /// The rule.
        error: FinalizationError,
    },
    /// An output passed that did not, or the other way round.
    #[error("the output {digest} under `{predicate}` was checked before, and came out otherwise")]
    Contradiction {
        /// The condition.
        predicate: alloc::string::String,
        /// The output.
        digest: alloc::string::String,
    },
    /// The rules of handoffs do not permit it.
    #[error("handoff {handoff:?}: {error}")]
    Handoff {
        /// Which handoff.
        handoff: HandoffKey,
        /// The rule.
        error: HandoffError,
    },
    /// The handoff is there already.
    #[error("handoff {0:?} was begun before")]
    HandoffTwice(HandoffKey),
    /// A handoff is committed that was never begun.
    #[error("session {0} has begun no such handoff")]
    NoHandoff(u64),
    /// Somebody gets a session that has an owner.
    #[error("session {session} belongs to `{owner}`, who was not revoked")]
    TwoOwners {
        /// The session.
        session: u64,
        /// Its owner.
        owner: alloc::string::String,
    },
    /// The life of a witness does not permit it.
    #[error("witness {witness}: {error}")]
    Witness {
        /// Its id.
        witness: u64,
        /// The rule.
        error: ArtifactError,
    },
}
