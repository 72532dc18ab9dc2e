//! Handoffs: who gave what to whom, and what became of what was pending.

use super::OwnershipScope;
use crate::names::names;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

names! {
    /// How a handoff ended.
    DelegationStatus {
        /// It was done.
        Committed "committed",
        /// It was undone.
        RolledBack "rolled_back",
    }

    /// What becomes of the effects that are pending where authority changes hands.
    PendingEffectTreatment {
        /// They go along: whoever asked goes on waiting, and the answer is taken.
        PreservePending "preserve_pending",
        /// Whoever waits for one gets a failure, and an answer that comes later is refused.
        InvalidateBlocked "invalidate_blocked",
    }
}

/// One handoff of an endpoint from a coroutine to another. Its operation is `handoff:<id>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SemanticHandoff {
    /// Its id.
    pub handoff_id: String,
    /// The session.
    pub session: u64,
    /// The coroutine that gave.
    pub from_coro: u64,
    /// The coroutine that took.
    pub to_coro: u64,
    /// Who lost the right, before the other got it.
    pub revoked_owner_id: String,
    /// Who got it.
    pub activated_owner_id: String,
    /// What was handed over.
    pub scope: OwnershipScope,
    /// How it ended.
    pub status: DelegationStatus,
    /// When.
    pub tick: u64,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}

/// What a handoff owes to everything that was under way: each effect that was pending is transported or invalidated,
/// exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TransformationObligation {
    /// Its id.
    pub obligation_id: String,
    /// The handoff.
    pub handoff_id: String,
    /// The session.
    pub session: u64,
    /// The roles that were handed over, sorted; empty for the whole session.
    pub transformed_fragments: Vec<String>,
    /// Operations that were under way, sorted.
    pub affected_operation_ids: Vec<String>,
    /// Effects that were pending, sorted.
    pub affected_effect_ids: Vec<String>,
    /// Those that go on, sorted.
    pub transported_effect_ids: Vec<String>,
    /// Those whose result will be refused, sorted.
    pub invalidated_effect_ids: Vec<String>,
    /// What becomes of witnesses.
    pub witness_policy: String,
    /// Who may not publish any more.
    pub publication_revoked_from: String,
    /// Who may publish now.
    pub publication_activated_to: String,
    /// What was handed over.
    pub scope: OwnershipScope,
    /// How it ended.
    pub status: DelegationStatus,
    /// When.
    pub tick: u64,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}
